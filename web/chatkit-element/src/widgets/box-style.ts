/** Layout properties as styles. They are set one by one through the style object, which a strict CSP allows. */

import type { Sides } from "./css-values";
import type { BoxProperties, SizeProperties, TypographyProperties } from "./schema";

export type Style = Record<string, string | number>;

const FLEX_WORDS: Record<string, string> = {
  start: "flex-start", end: "flex-end", between: "space-between", around: "space-around", evenly: "space-evenly",
};

export function definedStyle(style: Record<string, string | number | undefined>): Style {
  return Object.fromEntries(Object.entries(style).filter((entry): entry is [string, string | number] => entry[1] !== undefined));
}

export const flexWord = (word: string | undefined) => (word === undefined ? undefined : (FLEX_WORDS[word] ?? word));

function sidesStyle(name: "padding" | "margin" | "border", sides: Sides<string> | undefined): Record<string, string | undefined> {
  if (!sides) return {};
  return {
    [`${name}BlockStart`]: sides.top,
    [`${name}BlockEnd`]: sides.bottom,
    [`${name}InlineStart`]: sides.start,
    [`${name}InlineEnd`]: sides.end,
  };
}

export const paddingStyle = (padding: Sides<string> | undefined) => definedStyle(sidesStyle("padding", padding));
export const marginStyle = (margin: Sides<string> | undefined) => definedStyle(sidesStyle("margin", margin));
export const borderStyle = (border: Sides<string> | undefined) => definedStyle(sidesStyle("border", border));

export function sizeStyle(given: SizeProperties): Style {
  return definedStyle({
    flex: given.flex,
    width: given.width ?? given.size,
    height: given.height ?? given.size,
    minWidth: given.minWidth ?? given.minSize,
    minHeight: given.minHeight ?? given.minSize,
    maxWidth: given.maxWidth ?? given.maxSize,
    maxHeight: given.maxHeight ?? given.maxSize,
    aspectRatio: given.aspectRatio,
  });
}

export function boxStyle(given: BoxProperties): Style {
  return {
    ...sizeStyle(given),
    ...definedStyle({
      alignItems: flexWord(given.align),
      justifyContent: flexWord(given.justify),
      flexWrap: given.wrap,
      gap: given.gap,
      borderRadius: given.radius,
      background: given.background,
    }),
    ...paddingStyle(given.padding),
    ...marginStyle(given.margin),
    ...borderStyle(given.border),
  };
}

const WEIGHTS = { normal: 400, medium: 500, semibold: 600, bold: 700 } as const;

export function textStyle({ color, weight, textAlign, maxLines }: Omit<TypographyProperties, "value">): Style {
  return definedStyle({
    color,
    fontWeight: weight && WEIGHTS[weight],
    textAlign,
    webkitLineClamp: maxLines || undefined,
  });
}
