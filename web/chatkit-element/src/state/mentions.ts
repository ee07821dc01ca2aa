/** Mentions: entities that a message names. In the composer they are text, `@` and the title; when sent, tags. */

import type { Entity, UserContent } from "../protocol/types";

const QUERY_LENGTH_MAX = 40;
/** An `@` at the beginning of a word, and what was typed behind it; e-mail addresses have theirs in the middle of one. */
const QUERY = new RegExp(`(?:^|[\\s(])@([^\\s@]{0,${QUERY_LENGTH_MAX}})$`, "u");

/** What is being looked for where the caret is: the words behind an `@`, and where that stands. Null if nothing is. */
export function mentionQuery(text: string, caret: number): { query: string; start: number } | null {
  const match = QUERY.exec(text.slice(Math.max(0, caret - QUERY_LENGTH_MAX - 2), caret));
  if (!match) return null;
  const query = match[1] as string;
  return { query, start: caret - query.length - 1 };
}

/** What was typed of a command: a message that begins with `/` and, so far, is nothing else. Null if it is none. */
export function commandQuery(text: string, caret: number): { query: string; start: number } | null {
  const typed = text.slice(0, caret);
  return typed.startsWith("/") && typed.length <= QUERY_LENGTH_MAX && !/[\n/]/.test(typed.slice(1)) ? { query: typed.slice(1), start: 0 } : null;
}

/** The content of a message: each `@title` of a mentioned entity is a tag. Of two titles at one place the longer counts. */
export function contentOf(text: string, mentions: readonly Entity[]): UserContent[] {
  const longestFirst = [...mentions].sort((a, b) => b.title.length - a.title.length);
  const content: UserContent[] = [];
  let begun = 0;
  for (let at = text.indexOf("@"); at !== -1; at = text.indexOf("@", at + 1)) {
    const entity = longestFirst.find(({ title }) => text.startsWith(title, at + 1));
    if (!entity) continue;
    if (at > begun) content.push({ type: "input_text", text: text.slice(begun, at) });
    content.push(tagOf(entity));
    begun = at + 1 + entity.title.length;
    at = begun - 1;
  }
  if (begun < text.length || content.length === 0) content.push({ type: "input_text", text: text.slice(begun) });
  return content;
}

function tagOf({ id, title, group, data, interactive }: Entity): UserContent {
  return { type: "input_tag", id, text: title, data: data ?? {}, interactive: interactive ?? false, ...(group !== undefined && { group }) };
}

/** A message as it is written in the composer: the reverse of `contentOf`. */
export function writtenOf(content: readonly UserContent[]): { text: string; mentions: Entity[] } {
  const tags = content.filter((part) => part.type === "input_tag");
  return {
    text: content.map((part) => (part.type === "input_tag" ? `@${part.text}` : part.text)).join(""),
    mentions: tags.map((tag) => entityOfTag(tag)),
  };
}

export function entityOfTag({ id, text, group, data, interactive }: Extract<UserContent, { type: "input_tag" }>): Entity {
  return { id, title: text, group: group ?? undefined, data: data ?? {}, interactive: interactive ?? false };
}
