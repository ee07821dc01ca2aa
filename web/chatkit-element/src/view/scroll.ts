/** Scrolls along with the newest message for a reader who is at the end, and never moves the view for any other. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

/** A reader who is this close to the end counts as reading the newest message. */
const AT_END_PIXELS = 48;
const NEAR_START_PIXELS = 400;

interface ScrollOptions {
  /** Follow an answer while it is written. Without it only new messages of the reader move the view. */
  isFollowing: boolean;
  isStreaming: boolean;
  /** At the newest message; else at the oldest one. */
  opensAtEnd: boolean;
  onNearStart: () => void;
}

export function useReadingPosition({ isFollowing, isStreaming, opensAtEnd, onNearStart }: ScrollOptions) {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const isPinned = useRef(opensAtEnd);
  const lastTop = useRef(0);
  const [isAtEnd, setAtEnd] = useState(true);
  const moves = useRef(true);
  moves.current = isFollowing || !isStreaming;

  const toEnd = useCallback(() => {
    isPinned.current = true;
    const element = scroller.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, []);

  useEffect(() => {
    const element = scroller.current;
    const inner = content.current;
    if (!element || !inner || typeof ResizeObserver === "undefined") return;
    // The observer runs after layout, so reading the height here costs nothing.
    const observer = new ResizeObserver(() => {
      if (isPinned.current && moves.current) {
        element.scrollTop = element.scrollHeight;
        return;
      }
      // The answer grew below what is visible and was not followed, so its end must not move the view either.
      const isEnd = distanceToEnd(element) <= AT_END_PIXELS;
      if (!isEnd) isPinned.current = false;
      setAtEnd(isEnd);
    });
    observer.observe(inner);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const onScroll = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const top = element.scrollTop;
    const isEnd = distanceToEnd(element) <= AT_END_PIXELS;
    // Only a person scrolls up: growing content and our own scrolling go down.
    if (isEnd) isPinned.current = true;
    else if (top < lastTop.current - 1) isPinned.current = false;
    lastTop.current = top;
    setAtEnd(isEnd);
    if (top < NEAR_START_PIXELS) onNearStart();
  }, [onNearStart]);

  return { scroller, content, isAtEnd, toEnd, onScroll };
}

function distanceToEnd(element: HTMLElement): number {
  return element.scrollHeight - element.scrollTop - element.clientHeight;
}
