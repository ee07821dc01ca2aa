"use client";

/** Which assistants there are, and which one the reader is writing to. */
import { useCallback, useEffect, useRef, useState } from "react";

import type { components } from "@/generated/conversation-api.gen";
import { call } from "@/lib/http";

export type Assistant = components["schemas"]["AssistantCard"];
type AssistantCards = components["schemas"]["AssistantCards"];
/** Whom one may write to, and what may go with a message; null where the server did not say. */
export type Offer = Omit<AssistantCards, "attachments"> & { attachments: AssistantCards["attachments"] | null };
type Conversation = components["schemas"]["Conversation"];

let writtenTo: string | null = null;

/** The assistant that the next new conversation will be with. */
export const assistantWrittenTo = (): string | null => writtenTo;

const NOTHING: Offer = { data: [], dictation: false, attachments: null };

/** The assistants, the default one first, and what else is on; null while it is being read, empty if that failed. */
export function useOffer(userId: string): Offer | null {
  const [offer, setOffer] = useState<Offer | null>(null);
  useEffect(() => {
    let isMounted = true;
    call<Offer>("GET", `/api/${encodeURIComponent(userId)}/assistants`)
      .catch(() => NOTHING)
      .then((found) => isMounted && setOffer(found));
    return () => {
      isMounted = false;
    };
  }, [userId]);
  return offer;
}

/**
 * The assistant of the conversation that is open, or of the one that will begin. `choose` is for the person's choice,
 * `follow` for a conversation that was opened: it has its own assistant.
 */
export function useChosenAssistant(userId: string, assistants: readonly Assistant[]) {
  const [assistantId, setAssistantId] = useState<string | null>(null);
  const opened = useRef<string | null>(null);
  const isChoice = assistants.length > 1;
  const follow = useCallback(
    (conversationId: string | null) => {
      opened.current = conversationId;
      if (!isChoice || conversationId === null) return;
      call<Conversation>("GET", `/api/${encodeURIComponent(userId)}/conversations/${encodeURIComponent(conversationId)}`)
        .then((conversation) => opened.current === conversationId && setAssistantId(conversation.assistant_id))
        .catch(() => undefined); // the chat shows why it cannot be loaded
    },
    [userId, isChoice],
  );
  const chosen = assistants.find((one) => one.assistant_id === assistantId) ?? assistants[0] ?? null;
  const chosenId = chosen?.assistant_id ?? null;
  useEffect(() => {
    writtenTo = chosenId;
  }, [chosenId]);
  return { chosen, choose: setAssistantId, follow };
}
