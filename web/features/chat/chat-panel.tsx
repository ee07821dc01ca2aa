"use client";

/** The chat: OpenAI's React wrapper, unmodified, around our element or theirs. */
import { ChatKit, useChatKit } from "@openai/chatkit-react";
import { useSearchParams } from "next/navigation";
import { useEffect, useMemo, useRef } from "react";

import { leaveAsExpired } from "@/features/auth/auth-client";
import { useUserStream } from "@/features/live/user-stream";
import { keepingWhatIsRead } from "@/lib/read-cache";
import { useTheme } from "@/features/theme/theme-provider";

import { chatOptions, elementSettings } from "./chat-options";
import { ChatFailed, ChatLoading, ConversationRefused } from "./chat-states";
import { createResumableFetch, tellingSignOut, waitOrOnline } from "./resumable-fetch";
import { messageInAddress, rememberConversation, useConversationAccess } from "./use-conversation";
import { useElementScript } from "./use-element-script";

type Props = Readonly<{
  userId: string;
  conversationId: string | null;
  /** OpenAI's key of this domain, when its element is configured; null for ours. */
  openaiDomainKey: string | null;
  scriptUrl: string;
}>;

export function ChatPanel(props: Props) {
  const script = useElementScript(props.scriptUrl);
  const access = useConversationAccess(props.userId, props.conversationId);
  const isFirst = useSearchParams().get("conversation") === props.conversationId;
  if (isFirst && (access === "forbidden" || access === "unknown")) return <ConversationRefused reason={access} />;
  if (script === "failed") return <ChatFailed />;
  if (script === "loading" || (isFirst && access === "checking")) return <ChatLoading />;
  return <Chat {...props} />;
}

function Chat({ userId, conversationId, openaiDomainKey }: Props) {
  const { scheme } = useTheme();
  const isOpenai = openaiDomainKey !== null;
  const chatFetch = useMemo(() => {
    const plain = keepingWhatIsRead(tellingSignOut((input, init) => fetch(input, init), leaveAsExpired));
    // Our element repeats and resumes by itself: both together would post one message 24 times while the store is away.
    return isOpenai ? createResumableFetch({ fetch: plain, wait: waitOrOnline }) : plain;
  }, [isOpenai]);
  const shown = useRef(conversationId);
  const { control, fetchUpdates, setThreadId, ref } = useChatKit({
    ...chatOptions({
      userId,
      domainKey: openaiDomainKey ?? "natter",
      scheme,
      initialThread: conversationId,
      fetch: chatFetch,
    }),
    onThreadChange: ({ threadId }) => {
      shown.current = threadId;
      rememberConversation(threadId);
    },
    onThreadLoadEnd: () => void showMessage(ref.current),
    onError: ({ error }) => console.error(error),
  });

  // OpenAI's element knows nothing of a stream beside its own requests: a refresh in mid-answer ends here.
  useUserStream((event) => {
    const isEnd = event.kind === "run" && /\.(completed|failed|cancelled)$/.test(event.run.type);
    // Before the element is ready there is nothing to bring up to date.
    if (isEnd || event.kind === "open" || event.kind === "reset") fetchUpdates().catch(() => undefined);
  }, isOpenai);

  // Back, Forward and the list of conversations change the address; the chat follows.
  const wanted = useSearchParams().get("conversation");
  useEffect(() => {
    if (wanted === shown.current) return;
    shown.current = wanted;
    setThreadId(wanted).catch(() => undefined); // shown, and reported, by the element
  }, [wanted, setThreadId]);
  useEffect(() => {
    const show = () => void showMessage(ref.current);
    addEventListener("hashchange", show);
    return () => removeEventListener("hashchange", show);
  }, [ref]);

  return <ChatKit control={control} className="block h-full w-full [--ck-focus:var(--ring)]" {...(isOpenai ? {} : elementSettings(userId))} />;
}

/** Our element can show a message; it scrolls there and marks it for a moment. OpenAI's cannot. */
async function showMessage(element: HTMLElement | null): Promise<void> {
  const messageId = messageInAddress();
  if (messageId === null || element === null || !("showItem" in element)) return;
  await (element.showItem as (itemId: string) => Promise<boolean>)(messageId);
}
