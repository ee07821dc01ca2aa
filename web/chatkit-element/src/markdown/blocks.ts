/** Incremental GFM lexing: on append, only the last block is lexed again. */

import { Lexer, type Token } from "marked";

type Links = Record<string, { href: string | null; title: string | null }>;

export class MarkdownBlocks {
  private text = "";
  private stable: Token[] = [];
  private stableLength = 0;
  private links: Links = Object.create(null) as Links;
  private tail: Token[] = [];

  /**
   * Takes the whole text as it is now; returns its top-level tokens. Tokens before the last block keep their
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
    const lexer = new Lexer({ gfm: true });
    Object.assign(lexer.tokens.links, this.links);
    const known = Object.keys(this.links).length;
    const tokens = lexer.lex(source);
    // A new link definition may turn earlier text into links: start over, once per definition.
    if (Object.keys(lexer.tokens.links).length > known && this.stableLength > 0) {
      this.links = { ...(lexer.tokens.links as Links) };
      this.stable = [];
      this.stableLength = 0;
      this.lexTail();
      return;
    }
    this.links = { ...(lexer.tokens.links as Links) };
    this.split(tokens, source);
  }

  private split(tokens: Token[], source: string): void {
    let last = tokens.length - 1;
    while (last > 0 && tokens[last]?.type === "space") last--;
    const settled = tokens.slice(0, Math.max(0, last));
    const length = settled.reduce((sum, token) => sum + token.raw.length, 0);
    // The boundary is only usable if the tokens' sources are the text itself.
    if (!source.startsWith(settled.map((token) => token.raw).join(""))) {
      this.tail = tokens;
      return;
    }
    this.stable = [...this.stable, ...settled];
    this.stableLength += length;
    this.tail = tokens.slice(settled.length);
  }

  /** How many of the tokens that `update` returned can no longer change by appending. */
  get stableCount(): number {
    return this.stable.length;
  }

  private reset(): void {
    this.stable = [];
    this.stableLength = 0;
    this.tail = [];
    this.links = Object.create(null) as Links;
  }
}
