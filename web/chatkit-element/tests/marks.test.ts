import { expect, test } from "vitest";
import { splitMarks, withMarks, withoutMarks } from "../src/markdown/marks";

test("marks stand where they belong, counted in characters, behind what closes emphasis", () => {
  const marked = withMarks("🍵 **tea** and cups", [{ index: 7, number: 1 }, { index: 18, number: 2 }, { index: 99, number: 3 }]);
  expect(splitMarks(marked)).toEqual(["🍵 **tea**", 1, " and cups", 2, 3]);
  expect(withoutMarks(marked)).toBe("🍵 **tea** and cups");
});

test("a text without marks stays as it is", () => {
  expect(withMarks("tea", [])).toBe("tea");
  expect(splitMarks("tea")).toEqual(["tea"]);
});

test("what looks like a mark in a text is none", () => {
  expect(splitMarks(withMarks("a\uE0007\uE001b", [{ index: 0, number: 1 }]))).toEqual([1, "a 7 b"]);
});
