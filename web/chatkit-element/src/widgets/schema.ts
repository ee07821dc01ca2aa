/**
 * The components of a widget and their properties, as `chatkit.widgets` of the Python SDK 1.6.5 and the `Widgets` types
 * of @openai/chatkit 1.9.0 have them (tests/widget-properties.json compares the names). One table says both what the
 * compiler knows and what is read at run time: a property whose value is not what the table says is left out.
 */

import { type ActionConfig, readAction } from "./actions";
import {
  aspectRatio, backgroundColor, border, borderColor, dimension, flex, gap, isObject, radius, type Reader, seriesColor,
  spacing, textColor,
} from "./css-values";

const text: Reader<string> = (value) => (typeof value === "number" ? String(value) : typeof value === "string" ? value : undefined);
const flag: Reader<boolean> = (value) => (typeof value === "boolean" ? value : undefined);
const count = (max: number): Reader<number> => (value) =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 ? Math.min(value, max) : undefined;
const oneOf = <const T extends string>(...allowed: readonly T[]): Reader<T> =>
  (value) => (allowed.includes(value as T) ? (value as T) : undefined);
const either = <A, B>(first: Reader<A>, second: Reader<B>): Reader<A | B> => (value) => first(value) ?? second(value);
const listOf = <T>(read: Reader<T>, max: number): Reader<T[]> => (value) =>
  Array.isArray(value) ? value.slice(0, max).map(read).filter((entry) => entry !== undefined) : undefined;

type Readers = Record<string, Reader<unknown>>;
type Read<R extends Readers> = { [K in keyof R]?: Exclude<ReturnType<R[K]>, undefined> | undefined };

/** An object by a table of its properties. */
const objectOf = <R extends Readers>(readers: R): Reader<Read<R>> => (value) => (isObject(value) ? readAll(readers, value) : undefined);

function readAll<R extends Readers>(readers: R, value: Record<string, unknown>): Read<R> {
  return Object.fromEntries(Object.entries(readers).map(([name, read]) => [name, read(value[name])])) as Read<R>;
}

const LINES_MAX = 200;
const OPTIONS_MAX = 1_000;
const ROWS_MAX = 1_000;
const SERIES_MAX = 12;
const SPAN_MAX = 100;

const alignment = oneOf("start", "center", "end", "baseline", "stretch");
const direction = oneOf("row", "col");
const scheme = oneOf("light", "dark");
const weight = oneOf("normal", "medium", "semibold", "bold");
const textAlign = oneOf("start", "center", "end");
const textSize = oneOf("xs", "sm", "md", "lg", "xl");
const controlSize = oneOf("3xs", "2xs", "xs", "sm", "md", "lg", "xl", "2xl", "3xl");
const controlVariant = oneOf("solid", "soft", "outline", "ghost");
const fieldVariant = oneOf("soft", "outline");
const gutterSize = oneOf("2xs", "xs", "sm", "md", "lg", "xl");

const action: Reader<ActionConfig> = readAction;
const cardAction = objectOf({ label: text, action });
const status = objectOf({ text, icon: text, favicon: text, frame: flag });
const option = objectOf({ value: text, label: text, disabled: flag, description: text });
const options = listOf(option, OPTIONS_MAX);
const editable = objectOf({
  name: text, autoFocus: flag, autoSelect: flag, autoComplete: text, allowAutofillExtensions: flag, pattern: text,
  placeholder: text, required: flag,
});
const series = objectOf({
  type: oneOf("bar", "area", "line"), label: text, dataKey: text, stack: text, color: seriesColor,
  curveType: oneOf(
    "basis", "basisClosed", "basisOpen", "bumpX", "bumpY", "bump", "linear", "linearClosed", "natural", "monotoneX",
    "monotoneY", "monotone", "step", "stepBefore", "stepAfter",
  ),
});
const labels: Reader<Record<string, string>> = (value) =>
  isObject(value) ? Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string")) : undefined;
const row: Reader<Record<string, unknown>> = (value) => (isObject(value) ? value : undefined);

const SIZES = {
  flex, height: dimension, width: dimension, size: dimension, minHeight: dimension, minWidth: dimension,
  minSize: dimension, maxHeight: dimension, maxWidth: dimension, maxSize: dimension, aspectRatio,
};
const BOX = {
  ...SIZES, align: alignment, justify: oneOf("start", "center", "end", "between", "around", "evenly", "stretch"),
  wrap: oneOf("nowrap", "wrap", "wrap-reverse"), gap, padding: spacing, margin: spacing, border, radius,
  background: backgroundColor,
};
const TYPOGRAPHY = { value: text, color: textColor, weight, textAlign, truncate: flag, maxLines: count(LINES_MAX) };
const FIELD = {
  name: text, defaultValue: text, required: flag, pattern: text, placeholder: text, allowAutofillExtensions: flag,
  autoSelect: flag, autoFocus: flag, disabled: flag, variant: fieldVariant, size: controlSize, gutterSize,
};
const CHOICE = {
  name: text, onChangeAction: action, placeholder: text, defaultValue: text, variant: controlVariant, size: controlSize,
  pill: flag, block: flag, clearable: flag, disabled: flag,
};

export const COMPONENTS = {
  Card: {
    asForm: flag, background: backgroundColor, border, size: oneOf("sm", "md", "lg", "full"), padding: spacing, status,
    collapsed: flag, confirm: cardAction, cancel: cardAction, theme: scheme,
  },
  ListView: { limit: either(count(ROWS_MAX), oneOf("auto")), status, theme: scheme },
  ListViewItem: { onClickAction: action, gap, align: alignment },
  Basic: { ...BOX, theme: scheme, direction },
  Box: { ...BOX, direction },
  Row: BOX,
  Col: BOX,
  Form: { ...BOX, direction, onSubmitAction: action },
  Spacer: { minSize: dimension },
  Divider: { color: borderColor, size: dimension, spacing: gap, flush: flag },
  Transition: {},
  Text: {
    ...TYPOGRAPHY, streaming: flag, italic: flag, lineThrough: flag, width: dimension, size: textSize,
    minLines: count(LINES_MAX), editable,
  },
  Title: { ...TYPOGRAPHY, size: oneOf("sm", "md", "lg", "xl", "2xl", "3xl", "4xl", "5xl") },
  Caption: { ...TYPOGRAPHY, size: oneOf("sm", "md", "lg") },
  Label: { value: text, fieldName: text, size: textSize, weight, textAlign, color: textColor },
  Markdown: { value: text, streaming: flag },
  Badge: {
    label: text, color: oneOf("secondary", "success", "danger", "warning", "info", "discovery"),
    variant: oneOf("solid", "soft", "outline"), size: oneOf("sm", "md", "lg"), pill: flag,
  },
  Icon: { name: text, color: textColor, size: oneOf("xs", "sm", "md", "lg", "xl", "2xl", "3xl") },
  Image: {
    ...SIZES, src: text, alt: text, frame: flag, flush: flag, radius, margin: spacing, background: backgroundColor,
    fit: oneOf("cover", "contain", "fill", "scale-down", "none"),
    position: oneOf("top left", "top", "top right", "left", "center", "right", "bottom left", "bottom", "bottom right"),
  },
  Button: {
    submit: flag, label: text, onClickAction: action, iconStart: text, iconEnd: text, style: oneOf("primary", "secondary"),
    iconSize: oneOf("sm", "md", "lg", "xl", "2xl"), variant: controlVariant, size: controlSize, pill: flag, uniform: flag,
    color: oneOf("primary", "secondary", "info", "discovery", "success", "caution", "warning", "danger"),
    block: flag, disabled: flag,
  },
  Input: { ...FIELD, inputType: oneOf("number", "email", "text", "password", "tel", "url"), pill: flag },
  Textarea: { ...FIELD, rows: count(LINES_MAX), autoResize: flag, maxRows: count(LINES_MAX) },
  Select: { ...CHOICE, options, searchable: flag },
  DatePicker: { ...CHOICE, min: text, max: text, side: oneOf("top", "bottom", "left", "right"), align: oneOf("start", "center", "end") },
  Checkbox: { name: text, label: text, defaultChecked: flag, onChangeAction: action, disabled: flag, required: flag },
  RadioGroup: {
    name: text, options, ariaLabel: text, onChangeAction: action, defaultValue: text, direction, disabled: flag,
    required: flag,
  },
  Table: {},
  "Table.Row": { header: flag },
  "Table.Cell": {
    width: dimension, padding: spacing, colSpan: count(SPAN_MAX), rowSpan: count(SPAN_MAX), align: textAlign,
    vAlign: textAlign, colSize: textSize,
  },
  Chart: {
    ...SIZES, data: listOf(row, ROWS_MAX), series: listOf(series, SERIES_MAX),
    xAxis: either(text, objectOf({ dataKey: text, hide: flag, labels })),
    showYAxis: flag, showLegend: flag, showTooltip: flag, barGap: count(SPAN_MAX), barCategoryGap: count(SPAN_MAX),
  },
} satisfies Record<string, Readers>;

export type ComponentName = keyof typeof COMPONENTS;
export type Properties<N extends ComponentName> = Read<(typeof COMPONENTS)[N]>;
export type SeriesProperties = NonNullable<ReturnType<typeof series>>;
export type BoxProperties = Read<typeof BOX>;
export type SizeProperties = Read<typeof SIZES>;
export type TypographyProperties = Read<typeof TYPOGRAPHY>;
export type FieldProperties = Read<typeof FIELD>;
export type ChoiceProperties = Read<typeof CHOICE>;
export type StatusProperties = NonNullable<ReturnType<typeof status>>;
export type OptionProperties = NonNullable<ReturnType<typeof option>>;
export type EditableProperties = NonNullable<ReturnType<typeof editable>>;

export interface WidgetNode<N extends ComponentName = ComponentName> {
  name: N;
  properties: Properties<N>;
}

/** The component that a JSON value describes; null where its type is unknown. */
export function readNode(value: unknown): WidgetNode | null {
  if (!isObject(value)) return null;
  const name = value["type"];
  if (typeof name !== "string" || !Object.hasOwn(COMPONENTS, name)) return null;
  return { name: name as ComponentName, properties: readAll(COMPONENTS[name as ComponentName] as Readers, value) };
}

/** More children than this are not drawn: nobody reads them, and a page has to stay usable. */
const CHILDREN_MAX = 1_000;

/** What is in a component: a list, one component, or nothing. Plain text may be among it. */
export function childrenOf(value: unknown): readonly unknown[] {
  const children = isObject(value) ? value["children"] : undefined;
  if (Array.isArray(children)) return children.length > CHILDREN_MAX ? children.slice(0, CHILDREN_MAX) : children;
  return children === undefined || children === null ? [] : [children];
}

const FALLBACK_FIELDS = ["value", "label", "text", "title", "name"] as const;

/** What a component that is not known says: its first text. */
export function fallbackText(value: unknown): string | null {
  if (!isObject(value)) return text(value) ?? null;
  for (const field of FALLBACK_FIELDS) {
    const said = text(value[field]);
    if (said) return said;
  }
  return null;
}

const DEPTH_MAX = 40;

/** Names of the fields that have a `Label` in the widget, and need no other name. */
export function labelledFields(widget: unknown, depth = 0): string[] {
  if (depth > DEPTH_MAX || !isObject(widget)) return [];
  const own = widget["type"] === "Label" ? text(widget["fieldName"]) : undefined;
  const below = childrenOf(widget).flatMap((child) => labelledFields(child, depth + 1));
  return own === undefined ? below : [own, ...below];
}

export { DEPTH_MAX };
