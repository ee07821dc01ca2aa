/** Keyboard shortcuts of a page that exists for the chat (`data-keyboard="page"`), and the list of them. */

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { TextKey } from "../text/locales/en";
import { IconButton } from "./button";
import { useView } from "./context";

type Meaning = "write" | "stop" | "list";

const KEYS: readonly [string, TextKey][] = [
  ["A–Z", "keyWrite"],
  ["Enter", "keySend"],
  ["Shift + Enter", "keyNewLine"],
  ["↑", "keyEdit"],
  ["Esc", "keyStop"],
  ["?", "shortcuts"],
];

/** Elements in which a key has a meaning already. */
const FIELDS = "input, textarea, select, [contenteditable]";
const OVERLAYS = "dialog, [role=dialog], [role=alertdialog], [role=menu], [role=listbox]";

/** Listens to the whole page while the element is on it. */
export function usePageKeys(isAnswering: boolean, openList: () => void): void {
  const { chat, ownsPage, focusComposer } = useView();
  useEffect(() => {
    if (!ownsPage) return;
    const onKeyDown = (event: KeyboardEvent) => {
      const meaning = meaningOf(event);
      // The letter itself goes where the focus is now.
      if (meaning === "write") focusComposer();
      if (meaning === "list") openList();
      if (meaning === "stop" && isAnswering && chat.canStop) chat.stop();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [chat, ownsPage, focusComposer, isAnswering, openList]);
}

function meaningOf(event: KeyboardEvent): Meaning | null {
  const target = event.composedPath()[0];
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return null;
  if (!(target instanceof Element) || target.closest(OVERLAYS)) return null;
  // In any other field than the composer, Escape is about that field.
  const isOtherField = target.closest(FIELDS) !== null && target.getAttribute("part") !== "composer-input";
  if (event.key === "Escape") return isOtherField ? null : "stop";
  if (target.closest(FIELDS)) return null;
  if (event.key === "?") return "list";
  // A space presses the button that has the focus, or scrolls.
  return event.key.length === 1 && event.key !== " " ? "write" : null;
}

export function ShortcutList({ onClose }: { onClose: () => void }) {
  const { locale, focusComposer, pageKeys } = useView();
  const { text } = locale;
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const close = () => {
    onClose();
    focusComposer();
  };
  return (
    <dialog class="shortcuts" part="shortcuts" aria-label={text("shortcuts")} ref={dialog} onClose={close}>
      <div class="history-header">
        <h2>{text("shortcuts")}</h2>
        <IconButton icon="close" label={text("close")} onClick={() => dialog.current?.close()} />
      </div>
      <dl>
        {[...KEYS.map(([key, meaning]) => [key, text(meaning)] as const), ...pageKeys].map(([key, meaning]) => (
          <div key={key}>
            <dt>
              <kbd dir="ltr">{key}</kbd>
            </dt>
            <dd dir="auto">{meaning}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}
