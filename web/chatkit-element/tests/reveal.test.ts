import { describe, expect, test } from "vitest";
import { Reveal } from "../src/view/reveal";

const FRAME = "one two three four ";

describe("text that comes in frames", () => {
  test("is shown word by word over the time of a frame", () => {
    const reveal = new Reveal("");
    reveal.update("zero ", 1_000, false);
    expect(reveal.shown(1_000)).toBe("zero ");
    reveal.update(`zero ${FRAME}`, 1_050, false);
    const seen = [1_050, 1_065, 1_080, 1_095, 1_100].map((now) => reveal.shown(now));
    expect(seen).toEqual(["zero ", "zero one", "zero one two", "zero one two three", `zero ${FRAME}`]);
    expect(reveal.isWhole(1_099)).toBe(false);
    expect(reveal.isWhole(1_100)).toBe(true);
  });

  test("goes on from where it is when the next frame comes early, and never back", () => {
    const reveal = new Reveal("");
    reveal.update("a ", 1_000, false);
    reveal.update(`a ${FRAME}`, 1_100, false);
    const before = reveal.shown(1_150);
    reveal.update(`a ${FRAME}${FRAME}`, 1_150, false);
    expect(reveal.shown(1_150)).toBe(before);
    expect(reveal.shown(1_200)).toBe(`a ${FRAME}${FRAME}`);
  });

  test("is never kept back for longer than 100 ms", () => {
    const reveal = new Reveal("a ");
    reveal.update(`a ${FRAME}`, 60_000, false);
    expect(reveal.shown(60_100)).toBe(`a ${FRAME}`);
  });

  test("a single word, words that come one by one, and text of another message are shown at once", () => {
    const reveal = new Reveal("");
    reveal.update("word ", 1_000, false);
    expect(reveal.isWhole(1_000)).toBe(true);
    reveal.update("word two three ", 1_016, false);
    expect(reveal.isWhole(1_016)).toBe(true);
    reveal.update("something else that was replaced", 2_000, false);
    expect(reveal.isWhole(2_000)).toBe(true);
  });

  test("all of it is shown at once where less motion is wanted, or the answer has ended", () => {
    const reveal = new Reveal("a ");
    reveal.update(`a ${FRAME}`, 1_000, false);
    reveal.update(`a ${FRAME}`, 1_010, true);
    expect(reveal.shown(1_010)).toBe(`a ${FRAME}`);
  });
});
