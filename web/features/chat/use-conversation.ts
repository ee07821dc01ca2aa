"use client";

/** Which conversation the address names, and whether its reader may have it. */
import { useEffect, useState, useSyncExternalStore } from "react";

import { leaveAsExpired } from "@/features/auth/leaving";
import { call, CallError } from "@/lib/http";

export type ConversationAccess = "checking" | "allowed" | "forbidden" | "unknown";

const CHAT_PATH = "/dashboard/chat";

/** The address of a conversation, or of a message in it. */
export function conversationUrl(conversationId: string | null, messageId?: string): string {
  if (conversationId === null) return CHAT_PATH;
  const place = messageId === undefined ? "" : `#${encodeURIComponent(messageId)}`;
  return `${CHAT_PATH}?conversation=${encodeURIComponent(conversationId)}${place}`;
}

let lastConversationId: string | null = null;
const listeners = new Set<() => void>();

/** Puts the conversation into the address, so that a refresh or a shared link opens it, and into the chat's link. */
export function rememberConversation(conversationId: string | null): void {
  const isBorn = lastConversationId === null && conversationId !== null;
  lastConversationId = conversationId;
  for (const notify of listeners) notify();
  if (location.pathname !== CHAT_PATH || conversationInAddress() === conversationId) return;
  // A new conversation gets its id with its first message: replaced, so that Back does not lead to the page without an id.
  if (isBorn) history.replaceState(null, "", conversationUrl(conversationId));
  else history.pushState(null, "", conversationUrl(conversationId));
}

function conversationInAddress(): string | null {
  return new URLSearchParams(location.search).get("conversation");
}

/** Opens a conversation (null: a new one) in the chat of this page, as a step that Back takes back. */
export function openConversation(conversationId: string | null, messageId?: string): void {
  const url = conversationUrl(conversationId, messageId);
  if (`${location.pathname}${location.search}${location.hash}` !== url) history.pushState(null, "", url);
  else if (messageId !== undefined) dispatchEvent(new HashChangeEvent("hashchange"));
}

/** The message that the address names behind `#`. */
export function messageInAddress(): string | null {
  return location.hash.length > 1 ? decodeURIComponent(location.hash.slice(1)) : null;
}

/** The address that leads back to the conversation that was open last in this tab. */
export function useChatUrl(): string {
  const subscribe = (notify: () => void) => {
    listeners.add(notify);
    return () => listeners.delete(notify);
  };
  return conversationUrl(useSyncExternalStore(subscribe, () => lastConversationId, () => null));
}

/** Checks once that the reader may see the conversation that the page was opened with. Without an answer the chat opens it, and shows what is wrong. */
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
  // 422: what the address names cannot be a conversation's id.
  return error.status === 404 || error.status === 422 ? "unknown" : "allowed";
}
