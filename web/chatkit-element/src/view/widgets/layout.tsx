/** Containers and what stands between things. */

import { useRef } from "preact/hooks";
import { boxStyle, definedStyle } from "../../widgets/box-style";
import type { BoxProperties } from "../../widgets/schema";
import { FormProvider, useAction, useForm, type NodeProps } from "./host";

const boxOf = (properties: BoxProperties, direction: "row" | "col", more = "") =>
  ({ class: `w-box ${direction} ${properties.align ? "aligned" : ""} ${more}`, style: boxStyle(properties) }) as const;

export const Box = ({ properties, children }: NodeProps<"Box">) => <div {...boxOf(properties, properties.direction ?? "col")}>{children}</div>;
export const Row = ({ properties, children }: NodeProps<"Row">) => <div {...boxOf(properties, "row")}>{children}</div>;
export const Col = ({ properties, children }: NodeProps<"Col">) => <div {...boxOf(properties, "col")}>{children}</div>;
export const Basic = ({ properties, children }: NodeProps<"Basic">) => (
  <div {...boxOf(properties, properties.direction ?? "col", `w-basic ${properties.theme ? `scheme-${properties.theme}` : ""}`)}>{children}</div>
);

/** Fields and the actions that take their values. A form in a form is a box: its fields belong to the outer one. */
export function Form({ properties, children }: NodeProps<"Form">) {
  const outer = useForm();
  const form = useRef<HTMLFormElement>(null);
  const action = useAction(properties.onSubmitAction, "container");
  const box = boxOf(properties, properties.direction ?? "col");
  if (outer) return <div {...box}>{children}</div>;
  const submit = (event: Event) => {
    event.preventDefault();
    if (form.current) action?.perform(form.current);
  };
  return (
    <form {...box} ref={form} data-form onSubmit={submit}>
      <FormProvider value={{ isBusy: action?.isBusy ?? false }}>{children}</FormProvider>
    </form>
  );
}

export const Spacer = ({ properties }: NodeProps<"Spacer">) => (
  <div class="w-spacer" aria-hidden="true" style={definedStyle({ flexBasis: properties.minSize })} />
);

export function Divider({ properties }: NodeProps<"Divider">) {
  const style = definedStyle({ borderColor: properties.color, borderWidth: properties.size, marginBlock: properties.spacing });
  return <hr class={`w-divider ${properties.flush ? "w-flush" : ""}`} style={style} />;
}

/** What is in it fades in whenever it is another one. */
export const Transition = ({ children }: NodeProps<"Transition">) => (
  <div key={children.map((child) => child.key).join(" ")} class="w-transition">{children}</div>
);
