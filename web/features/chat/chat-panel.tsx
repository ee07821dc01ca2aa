"use client";

/** The chat: OpenAI's React wrapper, unmodified, around our element or theirs. */
import { ChatKit, useChatKit } from "@openai/chatkit-react";
import { useSearchParams } from "next/navigation";
import { useEffect, useMemo, useRef } from "react";

import { leaveAsExpired } from "@/features/auth/leaving";
import { useUserStream } from "@/features/live/user-stream";
import { keepingWhatIsRead } from "@/lib/read-cache";
import { useTheme } from "@/features/theme/theme-provider";

import { AssistantPicker } from "./assistant-picker";
import { chatOptions, elementSettings } from "./chat-options";
import { ChatFailed, ChatLoading, ConversationRefused } from "./chat-states";
import { createResumableFetch, tellingSignOut, tellingWhom, waitOrOnline } from "./resumable-fetch";
import { assistantWrittenTo, type Offer, useChosenAssistant, useOffer } from "./use-assistants";
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
  const offer = useOffer(props.userId);
  const isFirst = useSearchParams().get("conversation") === props.conversationId;
  if (isFirst && (access === "forbidden" || access === "unknown")) return <ConversationRefused reason={access} />;
  if (script === "failed") return <ChatFailed />;
  if (script === "loading" || (isFirst && access === "checking") || offer === null) return <ChatLoading />;
  return <Chat {...props} offer={offer} />;
}

function Chat({ userId, conversationId, openaiDomainKey, offer }: Props & { offer: Offer }) {
  const assistants = offer.data;
  const { chosen, choose, follow } = useChosenAssistant(userId, assistants);
  useEffect(() => follow(conversationId), [follow, conversationId]);
  const { scheme } = useTheme();
  const isOpenai = openaiDomainKey !== null;
  const chatFetch = useMemo(() => {
    const told = tellingWhom((input, init) => fetch(input, init), assistantWrittenTo);
    const plain = keepingWhatIsRead(tellingSignOut(told, leaveAsExpired));
    // Our element repeats and resumes by itself. With both, a message would be posted 24 times while the store is away.
    return isOpenai ? createResumableFetch({ fetch: plain, wait: waitOrOnline }) : plain;
  }, [isOpenai]);
  const shown = useRef(conversationId);
  const { control, fetchUpdates, setThreadId, ref } = useChatKit({
    ...chatOptions({
      userId,
      domainKey: openaiDomainKey ?? "natter",
      scheme,
      initialThread: conversationId,
      assistant: chosen,
      offer,
      fetch: chatFetch,
    }),
    onThreadChange: ({ threadId }) => {
      shown.current = threadId;
      rememberConversation(threadId);
      follow(threadId);
    },
    onThreadLoadEnd: () => void showMessage(ref.current),
    onError: ({ error }) => console.error(error),
  });

  // OpenAI's element reads no stream but the answers to its own requests: after a refresh in mid-answer it is told to update.
  useUserStream((event) => {
    const isEnd = event.kind === "run" && /\.(completed|failed|cancelled)$/.test(event.run.type);
    // Until the element is ready it has nothing to update.
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

  const onChoose = (next: string) => {
    choose(next);
    setThreadId(null).catch(() => undefined); // a conversation has one assistant: choosing another begins a new one
  };
  return (
    <div className="flex h-full flex-col">
      {chosen !== null && assistants.length > 1 && (
        <AssistantPicker assistants={assistants} chosen={chosen} onChoose={onChoose} />
      )}
      <ChatKit
        control={control}
        className="block min-h-0 w-full flex-1 [--ck-focus:var(--ring)]"
        {...(isOpenai ? {} : elementSettings({ userId, assistant: chosen, offer }))}
      />
    </div>
  );
}

/** Our element can show a message; it scrolls there and marks it for a moment. OpenAI's cannot. */
async function showMessage(element: HTMLElement | null): Promise<void> {
  const messageId = messageInAddress();
  if (messageId === null || element === null || !("showItem" in element)) return;
  await (element.showItem as (itemId: string) => Promise<boolean>)(messageId);
}
