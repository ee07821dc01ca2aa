/** Words. Each stands in a `bdi`: its own language decides how it is read, the widget's on which side it begins. */

import { createElement, type ComponentChildren } from "preact";
import { definedStyle, type Style, textStyle } from "../../widgets/box-style";
import type { TypographyProperties } from "../../widgets/schema";
import { EditableText } from "./editable-text";
import { useHost, type NodeProps } from "./host";

interface Words {
  tag: "p" | "h2";
  className: string;
  properties: TypographyProperties;
  style?: Style;
  children?: ComponentChildren;
}

function Words({ tag, className, properties, style = {}, children }: Words) {
  const clamp = properties.truncate ? "truncate" : properties.maxLines ? "clamp" : "";
  const attributes = {
    class: `${className} ${clamp}`,
    style: { ...textStyle(properties), ...style },
    // A line that is cut off is cut off where it ends, whatever side the widget begins on.
    dir: clamp ? ("auto" as const) : undefined,
    // What is cut off can be read by pointing at it.
    title: clamp ? properties.value : undefined,
  };
  return createElement(tag, attributes, <bdi>{properties.value}</bdi>, children);
}

export function Text({ properties }: NodeProps<"Text">) {
  const { editable, italic, lineThrough, streaming, width, minLines } = properties;
  if (editable && editable.name) return <EditableText properties={properties} editable={editable} name={editable.name} />;
  const style = definedStyle({ width, minHeight: minLines && `${minLines}lh` });
  const className = `w-text ${properties.size ?? "md"} ${italic ? "italic" : ""} ${lineThrough ? "struck" : ""}`;
  return (
    <Words tag="p" className={className} properties={properties} style={style}>
      {streaming && <span class="w-caret" aria-hidden="true" />}
    </Words>
  );
}

/** The second level: the first is the title of the conversation. */
export const Title = ({ properties }: NodeProps<"Title">) => (
  <Words tag="h2" className={`w-title ${properties.size ?? "md"}`} properties={properties} />
);

export const Caption = ({ properties }: NodeProps<"Caption">) => (
  <Words tag="p" className={`w-caption ${properties.size ?? "md"}`} properties={properties} />
);

export function Label({ properties }: NodeProps<"Label">) {
  const { prefix } = useHost();
  return (
    <label class={`w-label ${properties.size ?? "sm"}`} id={`${prefix}-label-${properties.fieldName ?? ""}`} for={`${prefix}-${properties.fieldName ?? ""}`} style={textStyle(properties)}>
      <bdi>{properties.value}</bdi>
    </label>
  );
}
