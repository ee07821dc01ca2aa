/** Reads an answer aloud by the browser's own speech: one at a time on the page, in a voice of the text's language. */

import { useEffect, useState } from "preact/hooks";
import { IconButton } from "./button";
import { useLocale } from "./context";
import { speechLanguage, speechParts } from "./speech";

/** Tells the button of the answer that is being read that another one is. */
let stopCurrent: (() => void) | null = null;

export function ReadAloudButton({ text }: { text: () => string }) {
  const locale = useLocale();
  const [isReading, setReading] = useState(false);
  useEffect(() => () => (isReading ? stopCurrent?.() : undefined), [isReading]);
  if (typeof speechSynthesis === "undefined") return null;
  const stop = () => {
    stopCurrent = null;
    speechSynthesis.cancel();
    setReading(false);
  };
  const read = () => {
    stopCurrent?.();
    stopCurrent = stop;
    const said = text();
    const parts = speechParts(said).map((part) => Object.assign(new SpeechSynthesisUtterance(part), { lang: speechLanguage(said, locale.tag) }));
    const isCurrent = () => stopCurrent === stop;
    for (const part of parts) part.onerror = () => isCurrent() && stop();
    const last = parts.at(-1);
    if (!last) return;
    last.onend = () => isCurrent() && stop();
    for (const part of parts) speechSynthesis.speak(part);
    setReading(true);
  };
  const label = locale.text(isReading ? "stopReading" : "readAloud");
  return <IconButton icon={isReading ? "lucide:square" : "lucide:volume-2"} label={label} isPressed={isReading} onClick={isReading ? stop : read} />;
}
