"use client";

/** Tells users who asked for it that an answer waits for them, or that something is due, while they look elsewhere. */
import { useEffect, useState } from "react";

import { conversationUrl } from "@/features/chat/use-conversation";
import { useUserStream } from "@/features/live/user-stream";

import { noticeOf } from "./notice-of";
import { useNoticesOn } from "./preference";

export function Notices() {
  const isOn = useNoticesOn();
  useUserStream(
    (event) => {
      const notice = noticeOf(event, document.visibilityState === "visible", location.pathname + location.search);
      if (notice === null) return;
      // The browser shows one notification for each tag, however many tabs say so.
      const shown = new Notification(notice.title, { body: notice.body, tag: notice.runId });
      shown.onclick = () => {
        focus();
        location.assign(conversationUrl(notice.conversationId));
      };
    },
    isOn,
    useIsKeeper(isOn),
  );
  return null;
}

/** One hidden tab of a browser keeps its stream open, the others close theirs. */
function useIsKeeper(isOn: boolean): boolean {
  const [isKeeper, setKeeper] = useState(false);
  useEffect(() => {
    const { locks } = navigator as Partial<Navigator>;
    if (!isOn || !locks) return;
    const waiting = new AbortController();
    const left = new Promise<void>((resolve) => waiting.signal.addEventListener("abort", () => resolve()));
    const keep = async () => {
      setKeeper(true);
      await left;
    };
    locks.request("natter:waiting-notices", { signal: waiting.signal }, keep).catch(() => undefined);
    return () => {
      waiting.abort();
      setKeeper(false);
    };
  }, [isOn]);
  return isKeeper;
}
