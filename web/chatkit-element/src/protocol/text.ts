import type { UserContent } from "./types";

/** The words of a user's message, with entity tags as their text. */
export function textOf(content: readonly UserContent[]): string {
  return content.map((part) => part.text).join("");
}
