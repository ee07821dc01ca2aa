/**
 * CSS values that a widget may set. A widget is written by a model or a tool, so a value is never passed on as it came:
 * it is read by a small grammar, and what the grammar does not have (`url()`, `var()`, `calc()`, negative lengths, which
 * could cover other parts of the page, and anything with a `;`) is left out.
 */

export type Reader<T> = (value: unknown) => T | undefined;

/** A spacing unit, as in `gap: 2`. */
const SPACING_UNIT_PX = 4;
const LENGTH_PX_MAX = 4_000;
/** Of every unit but px: far above what is shown on any screen. */
const LENGTH_MAX = 1_000;
const TEXT_MAX = 60;

const LENGTH = /^(\d{1,5}(?:\.\d{1,4})?)(px|em|rem|ch|%|vw|vh)?$/;
const KEYWORDS = new Set(["auto", "min-content", "max-content", "fit-content"]);

function length(value: unknown, pxPerUnit: number): string | undefined {
  if (typeof value === "number") {
    const px = value * pxPerUnit;
    return px >= 0 && px <= LENGTH_PX_MAX ? `${px}px` : undefined;
  }
  if (typeof value !== "string") return undefined;
  if (KEYWORDS.has(value)) return value;
  const [, digits, unit] = LENGTH.exec(value.trim()) ?? [];
  if (digits === undefined) return undefined;
  if (unit === undefined) return length(Number(digits), pxPerUnit);
  return Number(digits) <= (unit === "px" ? LENGTH_PX_MAX : LENGTH_MAX) ? `${Number(digits)}${unit}` : undefined;
}

/** A width or height: pixels, or a length. */
export const dimension: Reader<string> = (value) => length(value, 1);

/** A gap: spacing units, or one or two lengths. */
export const gap: Reader<string> = (value) => lengths(value, 2)?.join(" ");

function lengths(value: unknown, countMax: number): string[] | undefined {
  const parts = typeof value === "string" ? value.trim().slice(0, TEXT_MAX).split(/\s+/) : [value];
  const read = parts.map((part) => length(part, SPACING_UNIT_PX));
  return parts.length <= countMax && read.every((part) => part !== undefined) ? read : undefined;
}

export interface Sides<T> {
  top?: T | undefined;
  bottom?: T | undefined;
  /** Where a line begins: on the right in right-to-left languages. */
  start?: T | undefined;
  end?: T | undefined;
}

/** `top right bottom left x y` of an object; what ChatKit calls left is where a line begins. */
function sides<T>(value: Record<string, unknown>, read: Reader<T>): Sides<T> {
  const [x, y] = [read(value["x"]), read(value["y"])];
  return {
    top: read(value["top"]) ?? y,
    bottom: read(value["bottom"]) ?? y,
    start: read(value["left"]) ?? x,
    end: read(value["right"]) ?? x,
  };
}

/** A padding or margin: one to four lengths in the order of CSS, spacing units, or an object of sides. */
export const spacing: Reader<Sides<string>> = (value) => {
  if (isObject(value)) return sides(value, (side) => length(side, SPACING_UNIT_PX));
  const read = lengths(value, 4);
  if (!read) return undefined;
  const [top, end = top, bottom = top, start = end] = read;
  return { top, end, bottom, start };
};

const BORDER_STYLES = new Set(["solid", "dashed", "dotted", "double", "groove", "ridge", "inset", "outset"]);
const BORDER_PX_MAX = 24;

/** One side's border, as a value of `border-…`. */
const edge: Reader<string> = (value) => {
  const given = isObject(value) ? value : { size: value };
  const size = given["size"];
  if (typeof size !== "number" || !(size >= 0 && size <= BORDER_PX_MAX)) return undefined;
  const style = BORDER_STYLES.has(given["style"] as string) ? given["style"] : "solid";
  return `${size}px ${style} ${borderColor(given["color"]) ?? BORDER_COLORS["default"]}`;
};

export const border: Reader<Sides<string>> = (value) => {
  if (isObject(value) && !("size" in value)) return sides(value, edge);
  const all = edge(value);
  return all === undefined ? undefined : { top: all, bottom: all, start: all, end: all };
};

const FLEX = /^\d{1,3}(\.\d{1,3})?( \d{1,3}(\.\d{1,3})?)?( (auto|\d{1,4}(px|%)?))?$/;

export const flex: Reader<string> = (value) => {
  const text = typeof value === "number" ? String(value) : value;
  return typeof text === "string" && (text === "auto" || text === "none" || FLEX.test(text)) ? text : undefined;
};

const RATIO = /^\d{1,4}(\.\d{1,4})?( ?\/ ?\d{1,4}(\.\d{1,4})?)?$/;

export const aspectRatio: Reader<string> = (value) => {
  const text = typeof value === "number" ? String(value) : value;
  return typeof text === "string" && RATIO.test(text) && Number.parseFloat(text) > 0 ? text : undefined;
};

const RADIUS_PX = { none: 0, "2xs": 2, xs: 4, sm: 6, md: 8, lg: 10, xl: 12, "2xl": 16, "3xl": 20, "4xl": 24, full: 9999 } as const;

/** Corners are square where the theme says so. */
export const radius: Reader<string> = (value) => {
  if (value === "100%") return "100%";
  const px = Object.hasOwn(RADIUS_PX, String(value)) ? RADIUS_PX[value as keyof typeof RADIUS_PX] : undefined;
  return px === undefined ? undefined : `calc(${px}px * var(--w-roundness))`;
};

// --- colours -------------------------------------------------------------------------------------------------------

const TEXT_COLORS: Record<string, string> = {
  prose: "var(--text)", primary: "var(--text)", emphasis: "var(--text)", secondary: "var(--muted)",
  tertiary: "var(--w-tertiary)", success: "var(--success)", warning: "var(--warning)", danger: "var(--danger)",
};
const BACKGROUND_COLORS: Record<string, string> = {
  surface: "var(--background)", "surface-secondary": "var(--w-surface-2)", "surface-tertiary": "var(--w-surface-3)",
  "surface-elevated": "var(--w-elevated)", "surface-elevated-secondary": "var(--w-surface-2)",
};
const BORDER_COLORS: Record<string, string> = { default: "var(--line)", subtle: "var(--w-surface-3)", strong: "var(--control)" };
/** In the order in which series without a colour get one; each has 3:1 to the ground in both schemes. */
export const CHART_COLORS = ["blue", "purple", "orange", "green", "red", "yellow", "pink"] as const;
const SERIES_COLORS: Record<string, string> = Object.fromEntries(CHART_COLORS.map((name) => [name, `var(--w-${name})`]));

/** Hue in degrees and greatest chroma of `red-100` and its like, in OKLCH. */
const PRIMITIVES: Record<string, readonly [number, number]> = {
  gray: [0, 0], red: [25, 0.21], orange: [50, 0.17], amber: [75, 0.16], yellow: [95, 0.16], lime: [128, 0.19],
  green: [150, 0.17], emerald: [162, 0.15], teal: [182, 0.12], cyan: [210, 0.12], sky: [235, 0.15], blue: [258, 0.19],
  indigo: [275, 0.21], violet: [292, 0.22], purple: [303, 0.22], fuchsia: [322, 0.24], pink: [355, 0.2], rose: [15, 0.21],
};
const PRIMITIVE = /^([a-z]+)-(\d{1,4})$/;
const STEP_MAX = 1_000;

/** Step 0 is white, 1000 nearly black; the middle has the most colour. */
function primitive(name: string): string | undefined {
  const [, hueName = "", digits = ""] = PRIMITIVE.exec(name) ?? [];
  const step = Number(digits);
  const [hue, chroma] = (Object.hasOwn(PRIMITIVES, hueName) && PRIMITIVES[hueName]) || [];
  if (hue === undefined || chroma === undefined || digits === "" || step > STEP_MAX) return undefined;
  const share = step / STEP_MAX;
  const lightness = 100 - 82 * share ** 1.1;
  const strength = chroma * Math.sin(Math.PI * Math.min(1, share * 0.9 + 0.02));
  return `oklch(${lightness.toFixed(1)}% ${strength.toFixed(3)} ${hue})`;
}

const HEX = /^#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i;
const COLOR_NAME = /^[a-z]{3,24}$/i;
const COLOR_FUNCTION = /^(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch)\([\d\s.,%/+-]+(?:deg|turn|rad)?[\d\s.,%/+-]*\)$/i;

function cssColor(value: string): string | undefined {
  const text = value.trim();
  const isColor = text.length <= TEXT_MAX && (HEX.test(text) || COLOR_NAME.test(text) || COLOR_FUNCTION.test(text));
  return isColor ? text : undefined;
}

/** A reader of colours with these tokens: a token, `red-100`, a CSS colour, or `{light, dark}` of them. */
function colorReader(tokens: Record<string, string>): Reader<string> {
  const one = (value: unknown) => {
    if (typeof value !== "string") return undefined;
    return Object.hasOwn(tokens, value) ? tokens[value] : (primitive(value) ?? cssColor(value));
  };
  return (value) => {
    if (!isObject(value)) return one(value);
    const [light, dark] = [one(value["light"]), one(value["dark"])];
    return light !== undefined && dark !== undefined ? `light-dark(${light}, ${dark})` : (light ?? dark);
  };
}

export const textColor = colorReader(TEXT_COLORS);
export const backgroundColor = colorReader(BACKGROUND_COLORS);
export const borderColor = colorReader(BORDER_COLORS);
export const seriesColor = colorReader(SERIES_COLORS);

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
