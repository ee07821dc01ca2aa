/** A message as it is read aloud: its words without their signs, and no code, which nobody can follow by ear. */

import type { MarkedToken, Token } from "marked";
import { MarkdownBlocks } from "./blocks";
import { decodeEntities } from "./entities";

export function spokenText(markdown: string): string {
  return new MarkdownBlocks().update(markdown).map(spoken).filter(Boolean).join("\n");
}

function spoken(generic: Token): string {
  const token = generic as MarkedToken;
  switch (token.type) {
    case "code":
    case "html":
    case "hr":
    case "def":
      return "";
    case "table":
      return [token.header, ...token.rows].map((row) => row.map((cell) => all(cell.tokens)).join(", ")).join("\n");
    case "list":
      return token.items.map((item) => all(item.tokens)).join("\n");
    case "image":
    case "codespan":
      return decodeEntities(token.text);
    case "br":
      return "\n";
    default:
      if ("tokens" in token && token.tokens) return all(token.tokens);
      return decodeEntities("text" in token ? token.text : "");
  }
}

function all(tokens: readonly Token[]): string {
  return tokens.map(spoken).join("");
}
