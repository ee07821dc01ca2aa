/** Formulas in markdown: `$…$`, `$$…$$`, `\(…\)` and `\[…\]`. Their renderer is loaded with the first one. */

import type { TokenizerExtensionFunction, TokenizerStartFunction, Tokens } from "marked";
import { lazyModule } from "./lazy-module";

export interface MathToken extends Tokens.Generic {
  type: "math";
  text: string;
  isDisplay: boolean;
}

/** A formula on lines of its own, or one that stands alone on its line. */
const BLOCK = /^ {0,3}(?:\$\$([^$]{1,5000})\$\$|\\\[([\s\S]{1,5000}?)\\\]) *(?:\n|$)/;
/**
 * A formula within a line. `$5 and $6` are prices: a blank follows the first sign or precedes the second one, or a digit
 * follows the second one. The length is bounded, so that text with many signs that open nothing is read in linear time.
 */
const INLINE =
  /^(?:\$\$([^$]{1,1000})\$\$|\$(?![\s$])((?:\\.|[^$\n\\]){1,1000})(?<!\s)\$(?![\d$])|\\\(([\s\S]{1,1000}?)\\\)|\\\[([\s\S]{1,1000}?)\\\])/;
const BLOCK_START = /\n {0,3}(?:\$\$|\\\[)/;
const INLINE_START = /\$|\\[([]/;

const startBlock: TokenizerStartFunction = (source) => found(source.search(BLOCK_START));
const startInline: TokenizerStartFunction = (source) => found(source.search(INLINE_START));
const found = (at: number) => (at === -1 ? undefined : at);
const block: TokenizerExtensionFunction = (source) => token(BLOCK.exec(source), () => true);
const inline: TokenizerExtensionFunction = (source) => token(INLINE.exec(source), (raw) => /^(?:\$\$|\\\[)/.test(raw));

function token(match: RegExpExecArray | null, isDisplay: (raw: string) => boolean): MathToken | undefined {
  const text = match?.slice(1).find((part) => part !== undefined);
  if (!match || !text?.trim()) return undefined;
  return { type: "math", raw: match[0], text: text.trim(), isDisplay: isDisplay(match[0]) };
}

/** What marked's lexer takes as `extensions`. */
export const MATH_EXTENSIONS = { block: [block], startBlock: [startBlock], inline: [inline], startInline: [startInline], renderers: {}, childTokens: {} };

export type MathRenderer = (formula: string, element: HTMLElement, isDisplay: boolean) => void;

declare const MATH_MODULE: string;

export const loadMath = lazyModule<{ renderMath: MathRenderer }>(() => MATH_MODULE);
