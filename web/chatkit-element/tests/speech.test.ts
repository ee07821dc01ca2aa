import { expect, test } from "vitest";
import { spokenText } from "../src/markdown/spoken";
import { speechLanguage, speechParts } from "../src/view/speech";

test("an answer is read without its signs and its code", () => {
  const text = "# Two **things**\n\n- [milk](https://a.b) &amp; `tea`\n- more\n\n```js\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |";
  expect(spokenText(text)).toBe("Two things\nmilk & tea\nmore\na, b\n1, 2");
});

test("long texts are said in pieces that end where sentences do", () => {
  expect(speechParts("One. Two.\nThree")).toEqual(["One. Two. Three"]);
  const parts = speechParts(`${"word ".repeat(100)}end. Next.`);
  expect(parts.every((part) => part.length <= 220)).toBe(true);
  expect(parts.join(" ")).toBe(`${"word ".repeat(100)}end. Next.`);
});

test("the voice is of the language of the text", () => {
  expect(speechLanguage("مرحبا بك", "en")).toBe("ar");
  expect(speechLanguage("آپ کیسے ہیں", "ur")).toBe("ur");
  expect(speechLanguage("Hello", "ar")).toBe("en");
  expect(speechLanguage("Hallo", "de")).toBe("de");
});
