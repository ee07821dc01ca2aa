import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useView } from "./context";
import { Icon } from "./icon";

const QUOTE_CHARACTERS_MAX = 4_000;

interface Selected {
  text: string;
  top: number;
  left: number;
}

/** Appears at text that was selected in an answer, to reply to exactly that. */
export function QuoteButton({ scroller }: { scroller: RefObject<HTMLDivElement | null> }) {
  const { chat, locale, focusComposer } = useView();
  const [selected, setSelected] = useState<Selected | null>(null);
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const read = () => setSelected(readSelection(element));
    const hide = () => setSelected(null);
    element.addEventListener("pointerup", read);
    element.addEventListener("keyup", read);
    element.addEventListener("scroll", hide, { passive: true });
    return () => {
      element.removeEventListener("pointerup", read);
      element.removeEventListener("keyup", read);
      element.removeEventListener("scroll", hide);
    };
  }, [scroller]);
  if (!selected) return null;
  const reply = () => {
    chat.setComposer({ quote: selected.text });
    focusComposer();
    setSelected(null);
  };
  return (
    <button type="button" class="quote-button" part="reply-button" style={{ top: `${selected.top}px`, left: `${selected.left}px` }} onClick={reply}>
      <Icon name="lucide:reply" />
      {locale.text("reply")}
    </button>
  );
}

function readSelection(scroller: HTMLElement): Selected | null {
  // Chromium keeps the selection inside a shadow root to itself.
  const root = scroller.getRootNode() as ShadowRoot & { getSelection?: () => Selection | null };
  const selection = root.getSelection?.() ?? document.getSelection();
  const text = selection?.toString().trim() ?? "";
  if (!selection || !text || selection.rangeCount === 0) return null;
  const range = selection.getRangeAt(0);
  const start = range.startContainer instanceof Element ? range.startContainer : range.startContainer.parentElement;
  if (!start?.closest(".answer") || !scroller.contains(start)) return null;
  const box = range.getBoundingClientRect();
  const frame = (scroller.parentElement ?? scroller).getBoundingClientRect();
  return {
    text: text.slice(0, QUOTE_CHARACTERS_MAX),
    top: Math.max(4, box.top - frame.top - 40),
    left: Math.min(Math.max(4, box.left - frame.left), Math.max(4, frame.width - 110)),
  };
}
