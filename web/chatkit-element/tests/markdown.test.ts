import { Lexer, type Token } from "marked";
import { describe, expect, test } from "vitest";
import { MarkdownBlocks } from "../src/markdown/blocks";
import { decodeEntities } from "../src/markdown/entities";
import { highlight } from "../src/markdown/highlight";
import { parseDeeplink, safeImage, safeLink } from "../src/markdown/links";

const BASE = "https://app.example/chat";

const DOCUMENTS: Record<string, string> = {
  everything: `# Title\n\nA *b* **c** [d](https://e) \`f\`.\n\n- one\n- two\n  - nested\n\n  still two\n\n1. x\n2. y\n\n> quote\nlazy\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\n\`\`\`js\nconst a = 1;\n\nconst b = 2;\n\`\`\`\n\nend`,
  "loose lists": "- a\n\n- b\n\n  c\n\n- d\n\ntext\n\n1. a\n\n\n2. b",
  setext: "Title\n===\n\nsub\n---\n\ntext\n* * *\nmore",
  "late link definition": "see [one] and [two][2]\n\npara\n\n[one]: https://one\n\nmore [one]\n\n[2]: https://two",
  "unclosed fence": "text\n\n```python\nprint(1)\n\n\nprint(2)",
  "html blocks": "<div>\n\ntext\n\n</div>\n\n<script>\nalert(1)\n\nx\n</script>\n\nafter\n\n<!-- a\n\nb -->\n\nend",
  "indented code": "para\n\n    code\n\n    more\n\npara",
  "windows line ends": "# a\r\n\r\n- b\r\n- c\r\n\r\ntext\rmore",
  "right to left": "# مرحبا\n\n- واحد\n- اثنان\n\nیہ **اردو** ہے",
};

/** A small deterministic generator: the same pieces at every run. */
function pieces(text: string, seed: number): string[] {
  const result: string[] = [];
  let state = seed;
  for (let at = 0; at < text.length; ) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    const size = 1 + (state % 7);
    result.push(text.slice(at, at + size));
    at += size;
  }
  return result;
}

const shape = (tokens: readonly Token[]) => JSON.stringify(tokens.filter((token) => token.type !== "space"));

describe("incremental markdown", () => {
  for (const [name, text] of Object.entries(DOCUMENTS))
    test.each([1, 2, 3, 4, 5])(`${name}: appending gives the same as lexing the whole (%i)`, (seed) => {
      const blocks = new MarkdownBlocks();
      let written = "";
      let tokens: Token[] = [];
      for (const piece of pieces(text, seed)) {
        written += piece;
        tokens = blocks.update(written);
      }
      expect(shape(tokens)).toBe(shape(new Lexer({ gfm: true }).lex(text.replace(/\r\n?/g, "\n"))));
    });

  test("finished blocks keep their identity while text is appended", () => {
    const blocks = new MarkdownBlocks();
    const before = blocks.update("# one\n\ntwo\n\nthree");
    const stable = blocks.stableCount;
    expect(stable).toBeGreaterThan(0);
    const after = blocks.update("# one\n\ntwo\n\nthree and more");
    expect(after[0]).toBe(before[0]);
    expect(after.findIndex((token) => !before.includes(token))).toBe(stable);
  });

  test("another text starts over", () => {
    const blocks = new MarkdownBlocks();
    blocks.update("# one\n\ntwo");
    expect(blocks.update("three").map((token) => token.type)).toEqual(["paragraph"]);
  });

  test("appending lexes the last blocks only", () => {
    const blocks = new MarkdownBlocks();
    const long = Array.from({ length: 2_000 }, (_, index) => `Paragraph ${index} with **bold**.`).join("\n\n");
    blocks.update(long);
    const known = blocks.update(`${long} x`).slice(0, -3);
    const after = blocks.update(`${long} x y`);
    expect(known.every((token, index) => token === after[index])).toBe(true);
  });
});

describe("addresses", () => {
  test.each([
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "java\tscript:alert(1)",
    "\u0001javascript:alert(1)", "vbscript:x", "data:text/html,<script>alert(1)</script>", "file:///etc/passwd", "blob:x", "filesystem:x",
  ])("%j never becomes a link", (href) => expect(safeLink(href, BASE)).toBeNull());

  test.each([
    ["https://a.example/x?y#z", "https://a.example/x?y#z"],
    ["/path", "https://app.example/path"],
    ["#part", "https://app.example/chat#part"],
    ["mailto:a@b.c", "mailto:a@b.c"],
    ["chatkit-link://open?id=1", "chatkit-link://open?id=1"],
  ])("%j becomes a link", (href, expected) => expect(safeLink(href, BASE)).toBe(expected));

  test("an image is loaded from the own origin, allowed domains and inline data only", () => {
    expect(safeImage("https://evil.example/?secret=1", BASE, [])).toBeNull();
    expect(safeImage("https://notgood.example/x.png", BASE, ["good.example"])).toBeNull();
    expect(safeImage("http://good.example/x.png", BASE, ["good.example"])).toBeNull();
    expect(safeImage("https://cdn.good.example/x.png", BASE, ["good.example"])).toBe("https://cdn.good.example/x.png");
    expect(safeImage("/x.png", BASE, [])).toBe("https://app.example/x.png");
    expect(safeImage("data:image/png;base64,AA==", BASE, [])).toBe("data:image/png;base64,AA==");
    expect(safeImage("data:image/svg+xml,<svg onload=alert(1)>", BASE, [])).toBeNull();
    expect(safeImage("javascript:alert(1)", BASE, [])).toBeNull();
  });

  test("a deep link has a name and data", () => {
    expect(parseDeeplink("chatkit-link://open%20it?task=7&x=a%20b")).toEqual({ name: "open it", data: { task: "7", x: "a b" } });
    expect(parseDeeplink("https://x")).toBeNull();
  });
});

test("character references are decoded once, and unknown ones stay", () => {
  expect(decodeEntities("&lt;b&gt; &amp;amp; &#65;&#x42; &nope; &constructor; &#0; &#xD800;")).toBe("<b> &amp; AB &nope; &constructor; \ufffd \ufffd");
});

test("code is coloured by class names, and unknown or huge code is left alone", () => {
  expect(JSON.stringify(highlight("const a = '<b>'", "js"))).toContain("hljs-keyword");
  expect(highlight("x", "no-such-language")).toBeNull();
  expect(highlight("x".repeat(60_000), "js")).toBeNull();
});

describe("text that is made to hold up the page", () => {
  const MILLISECONDS_MAX = 1_000;
  const timed = (work: () => unknown): number => {
    const began = performance.now();
    work();
    return performance.now() - began;
  };

  test.each(["> ", "- ", "1. ", "[", "![", "*", "**a ", "`a``", "<a ", "| a ", "[a](", "***a ", "*a_ ", "    a\n"])(
    "%j, many times, is lexed in time",
    (piece) => {
      for (const end of ["x", "\n"]) {
        const text = piece.repeat(10_000 / piece.length) + end;
        const blocks = new MarkdownBlocks();
        let tokens: Token[] = [];
        expect(timed(() => (tokens = blocks.update(text)))).toBeLessThan(MILLISECONDS_MAX);
        expect(tokens.map((token) => token.raw).join("")).toBe(text);
      }
    },
  );

  test.each(["java", "cpp", "python", "typescript", "markdown", "json", "sql", "ruby"])("%s is coloured in time, or not at all", (language) => {
    for (const piece of ["a", "_", "$", "0", "`", "{", "'", "<", "1e", "a ", "//", "\n"])
      expect(timed(() => highlight(piece.repeat(50_000 / piece.length), language)), piece).toBeLessThan(MILLISECONDS_MAX);
    expect(highlight(`${"x".repeat(401)}\n`, language)).toBeNull();
  });

  test("the name of a deep link ends where its slashes begin, however many there are", () => {
    expect(timed(() => parseDeeplink(`chatkit-link://${"/".repeat(100_000)}x`))).toBeLessThan(MILLISECONDS_MAX);
    expect(parseDeeplink("chatkit-link://open//")).toEqual({ name: "open", data: {} });
  });
});
