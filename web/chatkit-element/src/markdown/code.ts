/** What code looks like when it is coloured, and the module that colours it, which is loaded with the first code. */

import { lazyModule } from "./lazy-module";

export type HighlightNode = string | { classes: string; children: HighlightNode[] };

/** Returns null if the language is not known or the code is too long. */
export type Highlighter = (code: string, language: string) => HighlightNode[] | null;

declare const CODE_MODULE: string;

export const loadCode = lazyModule<{ highlight: Highlighter }>(() => CODE_MODULE);
