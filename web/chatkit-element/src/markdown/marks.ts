/** Marks of sources in a text: put in before it is parsed, as characters that no text has, and found again in its words. */

const BEFORE = "\uE000";
const AFTER = "\uE001";
const MARKS = /\uE000(\d+)\uE001/g;
/** What closes emphasis or code: a mark stands behind it, or would break it. */
const CLOSING = /[*_~`]/;

export interface Mark {
  /** In characters, as Python and OpenAI count them: an emoji is one. */
  index: number;
  number: number;
}

export function withMarks(text: string, marks: readonly Mark[]): string {
  if (marks.length === 0) return text;
  const characters = Array.from(text.replace(/[\uE000\uE001]/g, " "));
  const placed = marks.map(({ index, number }) => {
    let at = Math.max(0, Math.min(index, characters.length));
    while (at < characters.length && CLOSING.test(characters[at] ?? "")) at++;
    return { at, number };
  });
  // From the end, so that the places before it stay where they are; of several at one place in their order.
  placed.sort((a, b) => b.at - a.at || b.number - a.number);
  for (const { at, number } of placed) characters.splice(at, 0, `${BEFORE}${number}${AFTER}`);
  return characters.join("");
}

/** The words of a text, and the numbers of the marks between them. */
export function splitMarks(text: string): (string | number)[] {
  if (!text.includes(BEFORE)) return [text];
  return text.split(MARKS).flatMap<string | number>((part, index) => (index % 2 === 1 ? [Number(part)] : part === "" ? [] : [part]));
}

/** Where there is no room for marks: in code, in addresses. */
export function withoutMarks(text: string): string {
  return text.includes(BEFORE) ? text.replace(MARKS, "") : text;
}
