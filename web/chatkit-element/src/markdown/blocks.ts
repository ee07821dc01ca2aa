/** Incremental GFM lexing: on append, only the last two blocks are lexed again. */

import { Lexer, type Token, type Tokens } from "marked";
import { MATH_EXTENSIONS } from "./math";

type Links = Record<string, { href: string | null; title: string | null | undefined }>;

export class MarkdownBlocks {
  private text = "";
  private stable: Token[] = [];
  private stableLength = 0;
  /** Link definitions among the stable tokens. */
  private stableLinks: Links = Object.create(null) as Links;
  /** All link definitions that the stable tokens were lexed with. */
  private linksOfStable = "{}";
  private tail: Token[] = [];

  /**
   * Takes the whole text as it is now; returns its top-level tokens. Tokens before the last two blocks keep their
   * identity from call to call while text is only appended, so that what is on screen for them can stay.
   */
  update(source: string): Token[] {
    // Lexing works on normalised line ends; a CR that may become CRLF changes nothing before it.
    const text = source.includes("\r") ? source.replace(/\r\n?/g, "\n") : source;
    if (text === this.text) return [...this.stable, ...this.tail];
    if (!text.startsWith(this.text)) this.reset();
    this.text = text;
    this.lexTail();
    return [...this.stable, ...this.tail];
  }

  private lexTail(): void {
    const source = this.text.slice(this.stableLength);
    const lexer = new Lexer({ gfm: true, extensions: MATH_EXTENSIONS });
    Object.assign(lexer.tokens.links, this.stableLinks);
    const tokens = lexed(lexer, source);
    const links = JSON.stringify(lexer.tokens.links);
    // A link definition may turn earlier text into links: then, and while it grows, everything is lexed again.
    if (links !== this.linksOfStable && this.stable.length > 0) {
      this.reset();
      this.lexTail();
      return;
    }
    this.linksOfStable = links;
    this.split(tokens, source);
  }

  private split(tokens: Token[], source: string): void {
    const blocks = tokens.flatMap((token, index) => (token.type === "space" ? [] : [index]));
    // The last block grows; the one before it may still swallow it ("2" after a list becomes its item "2.").
    const settled = tokens.slice(0, blocks.at(-2) ?? 0);
    // The boundary is only usable if the tokens' sources are the text itself.
    const raw = settled.map((token) => token.raw).join("");
    if (!source.startsWith(raw)) {
      this.tail = tokens;
      return;
    }
    for (const token of settled) if (token.type === "def") this.rememberDefinition(token as Tokens.Def);
    this.stable = [...this.stable, ...settled];
    this.stableLength += raw.length;
    this.tail = tokens.slice(settled.length);
  }

  private rememberDefinition({ tag, href, title }: Tokens.Def): void {
    this.stableLinks[tag] ??= { href, title };
  }

  /** How many of the tokens that `update` returned can no longer change by appending. */
  get stableCount(): number {
    return this.stable.length;
  }

  private reset(): void {
    this.stable = [];
    this.stableLength = 0;
    this.tail = [];
    this.stableLinks = Object.create(null) as Links;
    this.linksOfStable = "{}";
  }
}

/** marked recurses for each level of a quote or a list. Text that overflows its stack becomes one plain paragraph. */
function lexed(lexer: Lexer, source: string): Token[] {
  try {
    return lexer.lex(source);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return [{ type: "paragraph", raw: source, text: source, tokens: [{ type: "text", raw: source, text: source }] }];
  }
}
