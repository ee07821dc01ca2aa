import { describe, expect, test } from "vitest";
import { MarkdownBlocks } from "../src/markdown/blocks";
import type { MathToken } from "../src/markdown/math";
import type { Token } from "marked";

function formulas(text: string): [string, boolean][] {
  const found: [string, boolean][] = [];
  const walk = (tokens: readonly Token[] | undefined) => {
    for (const token of tokens ?? []) {
      if (token.type === "math") found.push([(token as MathToken).text, (token as MathToken).isDisplay]);
      else if ("tokens" in token) walk(token.tokens);
    }
  };
  walk(new MarkdownBlocks().update(text));
  return found;
}

describe("formulas", () => {
  test.each<[string, [string, boolean][]]>([
    ["Let $x^2$ and $y_1$ be.", [["x^2", false], ["y_1", false]]],
    ["$$\n\\frac{1}{2}\n$$", [["\\frac{1}{2}", true]]],
    ["so $$a+b$$ it is", [["a+b", true]]],
    ["\\(a\\) and \\[b\\]", [["a", false], ["b", true]]],
    ["**bold $a*b*c$**", [["a*b*c", false]]],
    ["a \\$ sign: $\\$5$", [["\\$5", false]]],
  ])("are found in %j", (text, expected) => expect(formulas(text)).toEqual(expected));

  test.each(["It costs $5 or $10.", "$ 5 $", "`$x$`", "```\n$x$\n```", "from $1 to $2", "$", "$$", "$$ $$", "an open $x"])(
    "are not found in %j",
    (text) => expect(formulas(text)).toEqual([]),
  );

  test("appear when they are complete, in a text that is being written", () => {
    const blocks = new MarkdownBlocks();
    const text = "Before.\n\n$$\nx = 1\n$$\n\nAfter.";
    for (let end = 1; end <= text.length; end += 1) blocks.update(text.slice(0, end));
    const types = blocks.update(text).map((token) => token.type).filter((type) => type !== "space");
    expect(types).toEqual(["paragraph", "math", "paragraph"]);
  });

  test("take no time for what looks like many", () => {
    const started = performance.now();
    formulas("$a ".repeat(20_000));
    formulas("\\(".repeat(20_000));
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
