import type { ComponentChildren } from "preact";
import type { Properties } from "../../widgets/schema";
import { useLocale } from "../context";
import { Icon } from "../icon";
import { useAction, useForm, type NodeProps } from "./host";

export function Button({ properties }: NodeProps<"Button">) {
  const { label, iconStart, iconEnd, iconSize = "md", submit, disabled } = properties;
  const isIconOnly = !label;
  const action = useAction(properties.onClickAction, "self");
  const form = useForm();
  const click = (element: HTMLButtonElement) => {
    // One that submits does nothing of its own either while a field is not filled in as it should be.
    if (!submit || (element.form?.checkValidity() ?? true)) action?.perform(element);
  };
  return (
    <ActionButton
      look={lookOf(properties)}
      isSubmit={submit ?? false}
      isBusy={(action?.isBusy ?? false) || (submit === true && form?.isBusy === true)}
      isDisabled={disabled ?? false}
      label={isIconOnly ? (iconStart ?? iconEnd ?? "").replace(/^\w+:/, "").replace(/-/g, " ") : undefined}
      onClick={click}
    >
      {iconStart && <Icon name={iconStart} class={`size-${iconSize}`} />}
      {label && <bdi>{label}</bdi>}
      {iconEnd && <Icon name={iconEnd} class={`size-${iconSize}`} />}
    </ActionButton>
  );
}

/** `style` is the short form: primary is the one thing to do, secondary what else one can do. */
function lookOf({ style, color, variant, size = "lg", pill, uniform, block, label }: Properties<"Button">): string {
  const chosen = color ?? style ?? "secondary";
  const kind = variant ?? (color === undefined && style !== "primary" ? "outline" : "solid");
  const isSquare = uniform ?? !label;
  return `c-${chosen} ${kind} size-${size} ${pill === false ? "" : "pill"} ${isSquare ? "uniform" : ""} ${block ? "block" : ""}`;
}

interface ActionButtonProps {
  look: string;
  isSubmit?: boolean;
  isBusy: boolean;
  isDisabled?: boolean;
  label?: string | undefined;
  onClick?: ((element: HTMLButtonElement) => void) | undefined;
  children: ComponentChildren;
}

/** A button that waits keeps the focus, so it is only said to be disabled. */
export function ActionButton({ look, isSubmit = false, isBusy, isDisabled = false, label, onClick, children }: ActionButtonProps) {
  const { text } = useLocale();
  const click = (event: MouseEvent) => {
    if (isBusy) event.preventDefault();
    else onClick?.(event.currentTarget as HTMLButtonElement);
  };
  return (
    <button
      type={isSubmit ? "submit" : "button"}
      class={`w-button ${look} ${isBusy ? "busy" : ""}`}
      disabled={isDisabled}
      aria-disabled={isBusy || undefined}
      aria-busy={isBusy || undefined}
      aria-label={label}
      title={label}
      onClick={click}
    >
      <span class="w-button-content">{children}</span>
      {isBusy && <Icon name="lucide:loader-circle" class="spin w-button-spinner" />}
      {isBusy && <span class="visually-hidden">{text("loading")}</span>}
    </button>
  );
}

