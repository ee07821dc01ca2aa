import { describe, expect, test } from "vitest";
import { commandQuery, contentOf, mentionQuery, writtenOf } from "../src/state/mentions";

const ada = { id: "1", title: "Ada", interactive: true, data: { kind: "person" } };
const adaLovelace = { id: "2", title: "Ada Lovelace", group: "People" };
const tag = (text: string, id: string, more = {}) => ({ type: "input_tag", id, text, data: {}, interactive: false, ...more });
const words = (text: string) => ({ type: "input_text", text });

describe("mentions", () => {
  test("are looked for behind an @ at the beginning of a word", () => {
    expect(mentionQuery("ask @ad", 7)).toEqual({ query: "ad", start: 4 });
    expect(mentionQuery("@", 1)).toEqual({ query: "", start: 0 });
    expect(mentionQuery("(@é", 3)).toEqual({ query: "é", start: 1 });
    expect(mentionQuery("ask @ad now", 7)).toEqual({ query: "ad", start: 4 });
    for (const [text, caret] of [["me@example.com", 14], ["ask @ad ", 8], ["@@", 2], ["none", 4], [`@${"a".repeat(60)}`, 61]] as const) expect(mentionQuery(text, caret)).toBeNull();
  });

  test("commands are looked for behind a / at the beginning of the message alone", () => {
    expect(commandQuery("/find a", 7)).toEqual({ query: "find a", start: 0 });
    expect(commandQuery("/", 1)).toEqual({ query: "", start: 0 });
    for (const text of ["and/or", "/usr/bin", "/find\nit", " /find", ""]) expect(commandQuery(text, text.length)).toBeNull();
  });

  test("become tags where their title still stands, the longest first", () => {
    expect(contentOf("ask @Ada Lovelace and @Ada!", [ada, adaLovelace])).toEqual([
      words("ask "), tag("Ada Lovelace", "2", { group: "People" }), words(" and "), tag("Ada", "1", { interactive: true, data: { kind: "person" } }), words("!"),
    ]);
    expect(contentOf("@Ada", [ada])).toEqual([tag("Ada", "1", { interactive: true, data: { kind: "person" } })]);
    expect(contentOf("ask @Grace", [ada])).toEqual([words("ask @Grace")]);
    expect(contentOf("", [])).toEqual([words("")]);
  });

  test("are written as before when the message is edited", () => {
    const content = contentOf("ask @Ada Lovelace", [adaLovelace]);
    const { text, mentions } = writtenOf(content);
    expect(text).toBe("ask @Ada Lovelace");
    expect(contentOf(text, mentions)).toEqual(content);
  });
});
