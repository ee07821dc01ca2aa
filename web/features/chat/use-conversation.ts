"use client";

/** Which conversation the address names, and whether its reader may have it. */
import { useEffect, useState, useSyncExternalStore } from "react";

import { leaveAsExpired } from "@/features/auth/auth-client";
import { call, CallError } from "@/lib/http";

export type ConversationAccess = "checking" | "allowed" | "forbidden" | "unknown";

const CHAT_PATH = "/dashboard/chat";

export function conversationUrl(conversationId: string | null): string {
  return conversationId === null ? CHAT_PATH : `${CHAT_PATH}?conversation=${encodeURIComponent(conversationId)}`;
}

let lastConversationId: string | null = null;
const listeners = new Set<() => void>();

/** Puts the conversation into the address, so that a refresh or a shared link opens it, and into the chat's link. */
export function rememberConversation(conversationId: string | null): void {
  lastConversationId = conversationId;
  for (const notify of listeners) notify();
  if (location.pathname === CHAT_PATH) history.replaceState(history.state, "", conversationUrl(conversationId));
}

/** The address that leads back to the conversation that was open last in this tab. */
export function useChatUrl(): string {
  const subscribe = (notify: () => void) => {
    listeners.add(notify);
    return () => listeners.delete(notify);
  };
  return conversationUrl(useSyncExternalStore(subscribe, () => lastConversationId, () => null));
}

/** Asks once for the conversation that the page was opened with; where nothing answers, the chat itself says so. */
export function useConversationAccess(userId: string, conversationId: string | null): ConversationAccess {
  const [access, setAccess] = useState<ConversationAccess>(conversationId === null ? "allowed" : "checking");
  useEffect(() => {
    if (conversationId === null) return;
    let isMounted = true;
    const url = `/api/${encodeURIComponent(userId)}/conversations/${encodeURIComponent(conversationId)}`;
    call("GET", url)
      .then(() => "allowed" as const, accessAfter)
      .then((next) => isMounted && setAccess(next));
    return () => {
      isMounted = false;
    };
  }, [userId, conversationId]);
  return access;
}

function accessAfter(error: unknown): ConversationAccess {
  if (!(error instanceof CallError)) throw error;
  if (error.status === 401) leaveAsExpired();
  if (error.status === 403) return "forbidden";
  // 422: the address does not even name one.
  return error.status === 404 || error.status === 422 ? "unknown" : "allowed";
}
