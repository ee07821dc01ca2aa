import type { UserContent } from "./types";

/** What a message of the user says, its tags as their text. */
export function textOf(content: readonly UserContent[]): string {
  return content.map((part) => part.text).join("");
}
