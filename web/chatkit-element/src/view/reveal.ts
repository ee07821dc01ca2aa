/** A server may send text in frames of many words: they are shown one after the other, over the time until the next frame. */

import { useEffect, useRef, useState } from "preact/hooks";

/** Text that comes more often than this already looks as if it were written word by word. */
const FRAME_MS_MIN = 30;
const FRAME_MS_MAX = 100;

/** How much of a growing text is shown. All times are milliseconds of one clock. */
export class Reveal {
  private from: number;
  private startedAt = 0;
  private durationMs = 0;
  private arrivedAt = 0;

  constructor(private text: string) {
    this.from = text.length;
  }

  /** Takes the whole text as it is now. What is new is shown over the time since the last update, or with `atOnce` now. */
  update(text: string, now: number, atOnce: boolean): void {
    const shown = this.shown(now).length;
    const isMore = text.length > this.text.length && text.startsWith(this.text);
    const sinceLast = now - this.arrivedAt;
    if (text !== this.text) this.arrivedAt = now;
    const isFrame = isMore && sinceLast >= FRAME_MS_MIN && /\S\s+\S/.test(text.slice(shown));
    if (atOnce || (text !== this.text && !isFrame)) this.from = text.length;
    else if (text !== this.text) {
      this.from = shown;
      this.startedAt = now;
      this.durationMs = Math.min(sinceLast, FRAME_MS_MAX);
    }
    this.text = text;
  }

  shown(now: number): string {
    const share = this.durationMs > 0 ? (now - this.startedAt) / this.durationMs : 1;
    if (this.from >= this.text.length || share >= 1) return this.text;
    const end = Math.floor(this.from + (this.text.length - this.from) * share);
    const word = this.text.slice(this.from, end).search(/\s\S*$/);
    return this.text.slice(0, word < 0 ? this.from : this.from + word);
  }

  isWhole(now: number): boolean {
    return this.shown(now).length === this.text.length;
  }
}

/** Returns the text to draw now, and draws again until all of it is shown. */
export function useRevealed(text: string, isStreaming: boolean): string {
  const reveal = useRef<Reveal>(null);
  const [, draw] = useState(0);
  reveal.current ??= new Reveal(text);
  const now = performance.now();
  reveal.current.update(text, now, !isStreaming || document.hidden || wantsLessMotion());
  const isWhole = reveal.current.isWhole(now);
  useEffect(() => {
    if (isWhole) return;
    const frame = requestAnimationFrame(draw);
    return () => cancelAnimationFrame(frame);
  });
  return reveal.current.shown(now);
}

function wantsLessMotion(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
