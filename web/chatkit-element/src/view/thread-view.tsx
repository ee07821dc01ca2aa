/** The messages: everything that scrolls. */

import { useCallback, useEffect, useRef } from "preact/hooks";
import type { ConversationState } from "../state/app-state";
import { turnAtEnd } from "../state/stored-turn";
import type { ThreadState } from "../state/thread-state";
import { AssistantMessage } from "./assistant-message";
import { IconButton } from "./button";
import { useView } from "./context";
import { Icon } from "./icon";
import { Items } from "./items";
import { memo } from "./memo";
import { OutgoingView } from "./outgoing";
import { QuoteButton } from "./quote-button";
import { useReadingPosition } from "./scroll";
import { TurnNote } from "./turn-note";

export function ThreadView({ conversation, isOnline }: { conversation: ConversationState; isOnline: boolean }) {
  const { chat, options, locale, isReadOnly } = useView();
  const { thread, turn, unsent } = conversation;
  const isStreaming = turn !== null;
  const { scroller, content, isAtEnd, toEnd, onScroll } = useReadingPosition({
    isFollowing: options.autoScroll,
    isStreaming,
    opensAtEnd: !isReadOnly,
    onNearStart: useCallback(() => void chat.loadOlder(), [chat]),
  });
  const last = turn === null ? turnAtEnd(thread.items, conversation.storedTurns) : null;
  const newest = unsent.at(-1)?.key;
  const wasSent = useRef(newest);
  useEffect(() => {
    if (newest && newest !== wasSent.current) toEnd();
    wasSent.current = newest;
  }, [newest, toEnd]);
  return (
    <div class="thread">
      <div class="scroller" part="thread" ref={scroller} onScroll={onScroll} tabIndex={0} aria-label={locale.text("conversation")} role="region">
        <div class="log" ref={content} role="log" aria-label={locale.text("conversation")} aria-busy={isStreaming}>
          <Older conversation={conversation} />
          <Items conversation={conversation} />
          <TakenOver superseded={thread.superseded} allowedImageDomains={thread.allowedImageDomains} />
          {last && <TurnNote turn={last} />}
          {unsent.map((message) => (
            <OutgoingView key={message.key} message={message} isOnline={isOnline} />
          ))}
          <Progress conversation={conversation} />
        </div>
      </div>
      {!isReadOnly && <QuoteButton scroller={scroller} />}
      {!isAtEnd && <IconButton class="to-end" part="jump-to-latest" icon="lucide:arrow-down" label={locale.text("jumpToLatest")} onClick={toEnd} />}
      <p class="visually-hidden" role="status">
        {isStreaming ? locale.text("writing") : thread.items.length > 0 ? locale.text("finished") : ""}
      </p>
    </div>
  );
}

/** The text of an attempt that died: shown dimmed until the new attempt has as much text. */
const TakenOver = memo(({ superseded, allowedImageDomains }: Pick<ThreadState, "superseded" | "allowedImageDomains">) => {
  const { locale } = useView();
  if (superseded.length === 0) return null;
  return (
    <div class="taken-over">
      <div class="dimmed" part="superseded">
        {superseded.map((item) => item.type === "assistant_message" && <AssistantMessage key={item.id} item={item} isStreaming={false} allowedImageDomains={allowedImageDomains} />)}
      </div>
      <p class="progress" role="status">
        <Icon name="sparkle" class="pulse" />
        <span>{locale.text("takenOver")}</span>
      </p>
    </div>
  );
});

function Older({ conversation }: { conversation: ConversationState }) {
  const { chat, locale } = useView();
  if (!conversation.thread.hasOlder) return null;
  if (conversation.isLoadingOlder) return <p class="note center">{locale.text("older")}</p>;
  return (
    <button type="button" class="text-button center" onClick={() => void chat.loadOlder()}>
      {locale.text("showOlder")}
    </button>
  );
}

/** One line while nothing else shows that the answer is on its way. */
const Progress = memo(({ conversation }: { conversation: ConversationState }) => {
  const { locale } = useView();
  const { thread, turn } = conversation;
  if (!turn || turn.isStopping || thread.superseded.length > 0) return null;
  const isWriting = thread.items.some((item) => item.type === "assistant_message" && thread.openItems.has(item.id));
  if (isWriting && !thread.progress) return null;
  return (
    <p class="progress" part="progress">
      <Icon name={thread.progress?.icon ?? "sparkle"} class="pulse" />
      <span dir="auto">{thread.progress?.text ?? locale.text("thinking")}</span>
    </p>
  );
});
