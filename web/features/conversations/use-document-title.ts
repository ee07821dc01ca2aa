"use client";

import { useEffect, useState } from "react";

import { useUserStream } from "@/features/live/user-stream";

import { ConversationApi, titleOf } from "./conversation-api";

/** Names the browser's tab after the conversation that is open in it. */
export function useDocumentTitle(userId: string, conversationId: string | null): void {
  // A conversation gets its title with the end of the first answer, and another one by renaming.
  const [changes, setChanges] = useState(0);
  useUserStream((event) => {
    if (event.kind === "conversation" || event.kind === "run") setChanges((count) => count + 1);
  });
  useEffect(() => {
    if (conversationId === null) {
      document.title = "Chat · Natter";
      return;
    }
    let isMounted = true;
    new ConversationApi(userId).get(conversationId).then(
      (conversation) => isMounted && (document.title = `${titleOf(conversation)} · Natter`),
      () => undefined, // the chat shows what is wrong
    );
    return () => {
      isMounted = false;
    };
  }, [userId, conversationId, changes]);
}
