/** The renderer of formulas, a module of its own (`chatkit-math.js`): KaTeX, as MathML, which needs no font and no styles. */

import katex from "katex";

/** Far above what anybody writes, and far below what would hold up the page. */
const EXPANSIONS_MAX = 500;
const SIZE_MAX_EM = 20;

/** Replaces what is in the element. No HTML string is made: KaTeX builds the elements itself. */
export function renderMath(formula: string, element: HTMLElement, isDisplay: boolean): void {
  katex.render(formula, element, {
    displayMode: isDisplay,
    output: "mathml",
    throwOnError: false,
    strict: "ignore",
    trust: false,
    maxExpand: EXPANSIONS_MAX,
    maxSize: SIZE_MAX_EM,
  });
}
