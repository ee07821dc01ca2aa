import { useLayoutEffect, useRef } from "preact/hooks";
import type { StructuredAnswer } from "../protocol/types";
import { useView } from "./context";

type Answer = (status: "answered" | "skipped", answers: Record<string, StructuredAnswer>) => void;

/**
 * Sends the answers to a form that stands in place of the composer. When the form goes, the composer comes back and gets
 * the focus, unless the reader has put it elsewhere.
 */
export function useAnswering(itemId: string): Answer {
  const { chat, focusComposer } = useView();
  const wasSent = useRef(false);
  useLayoutEffect(
    () => () => {
      if (wasSent.current && document.activeElement === document.body) setTimeout(focusComposer);
    },
    [],
  );
  return (status, answers) => {
    wasSent.current = true;
    void chat.submitStructuredInput(itemId, status, answers);
  };
}
