"use client";

/** Tells users who asked for it that an answer waits for them, while they look at something else. */
import { useEffect, useState } from "react";

import { conversationUrl } from "@/features/chat/use-conversation";
import { useUserStream } from "@/features/live/user-stream";

import { useNoticesOn } from "./preference";

export function WaitingNotices() {
  const isOn = useNoticesOn();
  useUserStream(
    (event) => {
      if (event.kind !== "run" || event.run.type !== "run.waiting" || document.visibilityState === "visible") return;
      const { run_id: tag, conversation_id: conversationId } = event.run;
      // The browser shows one notification for each tag, however many tabs say so.
      const notice = new Notification("Natter waits for you", { body: "An answer needs your decision.", tag });
      notice.onclick = () => {
        focus();
        location.assign(conversationUrl(conversationId));
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
