import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Highlighter, type HighlightNode, loadCode } from "../markdown/code";
import { IconButton } from "./button";
import { useLocale } from "./context";
import { CopyButton } from "./copy-button";
import { whenIdle } from "./idle";
import { memo } from "./memo";

interface CodeBlockProps {
  code: string;
  language: string;
  /** More code may follow. */
  isOpen: boolean;
}

/** While code is being written it is coloured at this interval, up to a length that is quick to colour; at its end once more, whole. */
const OPEN_MS = 250;
const OPEN_CHARACTERS_MAX = 4_000;

interface Coloured {
  code: string;
  nodes: HighlightNode[];
}

export const CodeBlock = memo(({ code, language, isOpen }: CodeBlockProps) => {
  const { text } = useLocale();
  const [isWrapped, setWrapped] = useState(false);
  const coloured = useColoured(code, language, isOpen);
  return (
    <div class={`code-block ${isWrapped ? "wrapped" : ""}`} part="code" dir="ltr">
      <div class="code-header">
        <span class="language">{language || text("code")}</span>
        <IconButton icon="lucide:wrap-text" label={text("wrapLines")} isPressed={isWrapped} onClick={() => setWrapped(!isWrapped)} />
        <CopyButton label={text("copyCode")} text={() => code} />
      </div>
      <pre tabIndex={0}>
        <code>
          {coloured && render(coloured.nodes)}
          {coloured ? code.slice(coloured.code.length) : code}
        </code>
      </pre>
    </div>
  );
});

/** The coloured code, or the beginning of it that was coloured last; null if it has no colours. */
function useColoured(code: string, language: string, isOpen: boolean): Coloured | null {
  const [coloured, setColoured] = useState<Coloured | null>(null);
  const latest = useRef(code);
  latest.current = code;
  const isWaiting = useRef(false);
  useEffect(() => {
    if (isOpen && (isWaiting.current || code.length > OPEN_CHARACTERS_MAX)) return;
    isWaiting.current = isOpen;
    let isWanted = true;
    let stopIdle = () => {};
    const colour = (highlight: Highlighter) => {
      isWaiting.current = false;
      const nodes = isWanted ? highlight(latest.current, language) : null;
      if (nodes) setColoured({ code: latest.current, nodes });
    };
    const load = () => {
      loadCode().then(
        ({ highlight }) => {
          if (isWanted) stopIdle = whenIdle(() => colour(highlight));
        },
        () => (isWaiting.current = false), // the code stays without colours
      );
    };
    const timer = setTimeout(load, isOpen ? OPEN_MS : 0);
    if (isOpen) return;
    return () => {
      isWanted = false;
      clearTimeout(timer);
      stopIdle();
    };
  }, [code, language, isOpen]);
  return coloured && code.startsWith(coloured.code) ? coloured : null;
}

function render(nodes: readonly HighlightNode[]): ComponentChildren {
  return nodes.map((node, index) =>
    typeof node === "string" ? (
      node
    ) : (
      <span key={index} class={node.classes}>
        {render(node.children)}
      </span>
    ),
  );
}
