/** Markdown tokens as elements. No HTML string is ever made: raw HTML in a message is shown as text. */

import type { MarkedToken, Token, Tokens } from "marked";
import { createElement, Fragment, type ComponentChildren } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { MarkdownBlocks } from "../markdown/blocks";
import { decodeEntities } from "../markdown/entities";
import { safeImage, safeLink } from "../markdown/links";
import { splitMarks, withoutMarks } from "../markdown/marks";
import type { MathToken } from "../markdown/math";
import type { Source } from "../protocol/types";
import { CodeBlock } from "./code-block";
import { useLocale } from "./context";
import { MathView } from "./math";
import { memo } from "./memo";
import { SourceMark } from "./source-mark";

interface BlockProps extends Context {
  token: Token;
}

interface MarkdownProps {
  text: string;
  isStreaming?: boolean;
  allowedImageDomains?: readonly string[];
  /** What the marks in the text stand for (`withMarks`), the first one being number 1. */
  sources?: readonly Source[];
}

const NO_DOMAINS: readonly string[] = [];
const NO_SOURCES: readonly Source[] = [];

export const Markdown = memo(({ text, isStreaming = false, allowedImageDomains = NO_DOMAINS, sources = NO_SOURCES }: MarkdownProps) => {
  const blocks = useRef<MarkdownBlocks>(null);
  blocks.current ??= new MarkdownBlocks();
  const parser = blocks.current;
  const tokens = useMemo(() => parser.update(text), [parser, text]);
  const settled = isStreaming ? parser.stableCount : tokens.length;
  return (
    <div class="markdown" part="markdown" dir="auto">
      {tokens.map((token, index) => (
        <Block key={index} token={token} isOpen={index >= settled} allowedImageDomains={allowedImageDomains} sources={sources} />
      ))}
    </div>
  );
});

const Block = memo(({ token, ...context }: BlockProps) => <>{renderToken(token, context)}</>);

interface Context {
  /** The text may still grow here. */
  isOpen: boolean;
  allowedImageDomains: readonly string[];
  sources: readonly Source[];
}

/** Deeper nesting is shown as its source: nobody writes it, and drawing it recursively could overflow the stack. */
const NESTING_MAX = 60;

function renderTokens(tokens: readonly Token[] | undefined, context: Context, depth: number): ComponentChildren {
  return tokens?.map((token, index) => <Fragment key={index}>{renderToken(token, context, depth)}</Fragment>);
}

function renderToken(generic: Token, context: Context, depth = 0): ComponentChildren {
  if (generic.type === "math") return <MathView formula={withoutMarks((generic as MathToken).text)} isDisplay={(generic as MathToken).isDisplay} />;
  const token = generic as MarkedToken;
  if (depth > NESTING_MAX) return withoutMarks(token.raw);
  const inner = (tokens: readonly Token[] | undefined) => renderTokens(tokens, context, depth + 1);
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "paragraph":
      return <p dir="auto">{inner(token.tokens)}</p>;
    case "heading":
      // The first level is the title of the conversation.
      return createElement(`h${Math.min(6, token.depth + 1)}`, { class: `h${token.depth}`, dir: "auto" }, inner(token.tokens));
    case "blockquote":
      return <blockquote>{inner(token.tokens)}</blockquote>;
    case "list":
      return <List list={token} context={context} depth={depth} />;
    case "code":
      return <CodeBlock code={withoutMarks(token.text)} language={languageOf(token.lang)} isOpen={context.isOpen} />;
    case "table":
      return <Table table={token} context={context} depth={depth} />;
    case "hr":
      return <hr />;
    case "br":
      return <br />;
    case "strong":
      return <strong>{inner(token.tokens)}</strong>;
    case "em":
      return <em>{inner(token.tokens)}</em>;
    case "del":
      return <del>{inner(token.tokens)}</del>;
    case "codespan":
      return <code>{withoutMarks(token.text)}</code>;
    case "link":
      return <Link token={token} context={context} depth={depth} />;
    case "image":
      return <Image token={token} context={context} />;
    case "escape":
      return token.text;
    case "checkbox":
      return <Checkbox isChecked={token.checked} />;
    case "text":
      return "tokens" in token && token.tokens ? inner(token.tokens) : marked(decodeEntities(token.text), context.sources);
    case "html":
      return withoutMarks(token.text);
    default:
      return withoutMarks((generic as { raw: string }).raw);
  }
}

/** Words, with a mark wherever a source stands behind them. */
function marked(words: string, sources: readonly Source[]): ComponentChildren {
  const parts = splitMarks(words);
  if (parts.length === 1 && typeof parts[0] === "string") return parts[0];
  return parts.map((part, index) => (typeof part === "string" ? part : <SourceMark key={index} number={part} source={sources[part - 1]} />));
}

function Checkbox({ isChecked }: { isChecked: boolean }) {
  const { text } = useLocale();
  return <input type="checkbox" checked={isChecked} disabled aria-label={text(isChecked ? "itemDone" : "itemOpen")} />;
}

function languageOf(lang: string | undefined): string {
  return (lang ?? "").trim().split(/[\s{]/, 1)[0]?.toLowerCase() ?? "";
}

interface TokenProps<T> {
  context: Context;
  depth: number;
  token: T;
}

function Link({ token, context, depth }: TokenProps<Tokens.Link>) {
  const content = renderTokens(token.tokens, context, depth + 1);
  const href = safeLink(withoutMarks(decodeEntities(token.href)), document.baseURI);
  if (href === null) return <span class="unsafe-link">{content}</span>;
  const title = token.title ? withoutMarks(decodeEntities(token.title)) : undefined;
  return (
    <a href={href} title={title} target="_blank" rel="noopener noreferrer">
      {content}
    </a>
  );
}

function Image({ token, context }: { token: Tokens.Image; context: Context }) {
  const address = withoutMarks(decodeEntities(token.href));
  const alt = withoutMarks(decodeEntities(token.text));
  const label = alt || address;
  const src = safeImage(address, document.baseURI, context.allowedImageDomains);
  if (src !== null) return <img src={src} alt={alt} loading="lazy" referrerpolicy="no-referrer" />;
  const href = safeLink(address, document.baseURI);
  if (href === null) return <span class="unsafe-link">{label}</span>;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer">
      {label}
    </a>
  );
}

function List({ list, context, depth }: { list: Tokens.List; context: Context; depth: number }) {
  const items = list.items.map((item, index) => (
    // The list's direction says on which side the bullets are, each item's text in which direction it is read.
    <li key={index} class={item.task ? "task" : undefined}>
      <div dir="auto">{renderTokens(item.tokens, context, depth + 1)}</div>
    </li>
  ));
  if (!list.ordered) return <ul>{items}</ul>;
  return <ol start={typeof list.start === "number" ? list.start : 1}>{items}</ol>;
}

function Table({ table, context, depth }: { table: Tokens.Table; context: Context; depth: number }) {
  const cell = (tag: "th" | "td", content: Tokens.TableCell, index: number) => {
    const align = table.align[index];
    const attributes = { key: index, class: align ? `align-${align}` : undefined, dir: "auto", scope: tag === "th" ? "col" : undefined };
    return createElement(tag, attributes, renderTokens(content.tokens, context, depth + 1));
  };
  return (
    <div class="table-scroll" tabIndex={0} role="group">
      <table>
        <thead>
          <tr>{table.header.map((content, index) => cell("th", content, index))}</tr>
        </thead>
        <tbody>
          {table.rows.map((row, key) => (
            <tr key={key}>{row.map((content, index) => cell("td", content, index))}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
