import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { highlight, type HighlightNode } from "../markdown/highlight";
import { useLocale } from "./context";
import { CopyButton } from "./copy-button";
import { whenIdle } from "./idle";
import { memo } from "./memo";

interface CodeBlockProps {
  code: string;
  language: string;
  /** More code may follow: it is coloured once it is complete. */
  isOpen: boolean;
}

export const CodeBlock = memo(({ code, language, isOpen }: CodeBlockProps) => {
  const { text } = useLocale();
  const [colored, setColored] = useState<{ code: string; nodes: HighlightNode[] } | null>(null);
  useEffect(() => {
    if (isOpen) return;
    return whenIdle(() => {
      const nodes = highlight(code, language);
      if (nodes) setColored({ code, nodes });
    });
  }, [code, language, isOpen]);
  const nodes = colored?.code === code ? colored.nodes : null;
  return (
    <div class="code-block" part="code" dir="ltr">
      <div class="code-header">
        <span>{language || text("code")}</span>
        <CopyButton label={text("copyCode")} text={() => code} />
      </div>
      <pre tabIndex={0}>
        <code>{nodes ? render(nodes) : code}</code>
      </pre>
    </div>
  );
});

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
