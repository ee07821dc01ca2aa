import { safeLink } from "../markdown/links";
import type { Source } from "../protocol/types";

/** A source where it stands in the text: its number in the list below. */
export function SourceMark({ number, source }: { number: number; source: Source | undefined }) {
  if (!source) return null;
  const href = source.type === "url" ? safeLink(source.url, document.baseURI) : null;
  return (
    <sup class="source-mark">
      {href === null ? <span title={source.title}>{number}</span> : <a href={href} target="_blank" rel="noopener noreferrer" title={source.title || href}>{number}</a>}
    </sup>
  );
}
