/** Syntax highlighting of finished code blocks, as a tree of class names and text. */

import bash from "highlight.js/lib/languages/bash";
import c from "highlight.js/lib/languages/c";
import cpp from "highlight.js/lib/languages/cpp";
import csharp from "highlight.js/lib/languages/csharp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import dockerfile from "highlight.js/lib/languages/dockerfile";
import go from "highlight.js/lib/languages/go";
import ini from "highlight.js/lib/languages/ini";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
// TypeScript's grammar repeats JavaScript's: next to each other in the bundle, gzip stores the repetition almost for free.
import typescript from "highlight.js/lib/languages/typescript";
import json from "highlight.js/lib/languages/json";
import kotlin from "highlight.js/lib/languages/kotlin";
import markdown from "highlight.js/lib/languages/markdown";
import php from "highlight.js/lib/languages/php";
import python from "highlight.js/lib/languages/python";
import ruby from "highlight.js/lib/languages/ruby";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import swift from "highlight.js/lib/languages/swift";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import { createLowlight } from "lowlight";
import type { Highlighter, HighlightNode } from "./code";

const lowlight = createLowlight({
  bash, c, cpp, csharp, css, diff, dockerfile, go, ini, java, javascript, json, kotlin, markdown, php, python, ruby,
  rust, sql, swift, typescript, xml, yaml,
});

/** Longer code, or code with a longer line, is shown plain: highlight.js takes quadratic time for some of it. */
const HIGHLIGHT_CHARACTERS_MAX = 20_000;
const HIGHLIGHT_LINE_CHARACTERS_MAX = 400;

export const highlight: Highlighter = (code, language) => {
  if (code.length > HIGHLIGHT_CHARACTERS_MAX || !lowlight.registered(language)) return null;
  if (code.split("\n").some((line) => line.length > HIGHLIGHT_LINE_CHARACTERS_MAX)) return null;
  return lowlight.highlight(language, code).children.map(convert);
};

type HastNode = ReturnType<typeof lowlight.highlight>["children"][number];

function convert(node: HastNode): HighlightNode {
  if (node.type === "text") return node.value;
  if (node.type !== "element") return "";
  const classes = node.properties["className"];
  return {
    classes: Array.isArray(classes) ? classes.join(" ") : "",
    children: node.children.map(convert),
  };
}
