/** The messages: everything that scrolls. */

import { Component } from "preact";
import { useCallback, useEffect, useRef } from "preact/hooks";
import type { ThreadItem } from "../protocol/types";
import type { ConversationState } from "../state/app-state";
import type { TaskTime } from "../state/thread-state";
import { IconButton } from "./button";
import { useView } from "./context";
import { Icon } from "./icon";
import { ItemView } from "./item";
import { memo, shallowEqual } from "./memo";
import { OutgoingView } from "./outgoing";
import { QuoteButton } from "./quote-button";
import { useReadingPosition } from "./scroll";

/** Items are drawn in groups, so that a new word in the last message does not even compare the others. */
const ITEMS_PER_GROUP = 25;

export function ThreadView({ conversation, isOnline }: { conversation: ConversationState; isOnline: boolean }) {
  const { session, options, locale } = useView();
  const { thread, turn, outbox } = conversation;
  const isStreaming = turn !== null;
  const { scroller, content, isAtEnd, toEnd, onScroll } = useReadingPosition({
    isFollowing: options.autoScroll,
    isStreaming,
    onNearStart: useCallback(() => void session.loadOlder(), [session]),
  });
  const newest = outbox.at(-1)?.key;
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
          {outbox.map((message) => (
            <OutgoingView key={message.key} message={message} isOnline={isOnline} />
          ))}
          <Progress conversation={conversation} />
        </div>
      </div>
      <QuoteButton scroller={scroller} />
      {!isAtEnd && <IconButton class="to-end" part="jump-to-latest" icon="lucide:arrow-down" label={locale.text("jumpToLatest")} onClick={toEnd} />}
      <p class="visually-hidden" role="status">
        {isStreaming ? locale.text("writing") : thread.items.length > 0 ? locale.text("finished") : ""}
      </p>
    </div>
  );
}

function Older({ conversation }: { conversation: ConversationState }) {
  const { session, locale } = useView();
  if (!conversation.thread.hasOlder) return null;
  if (conversation.isLoadingOlder) return <p class="note center">{locale.text("older")}</p>;
  return (
    <button type="button" class="text-button center" onClick={() => void session.loadOlder()}>
      {locale.text("showOlder")}
    </button>
  );
}

function Items({ conversation }: { conversation: ConversationState }) {
  const { thread, turn, feedback } = conversation;
  const { items } = thread;
  const turnStart = turn ? indexAfterLastUserMessage(items) : items.length;
  const groups = [];
  for (let start = 0; start < items.length; start += ITEMS_PER_GROUP) {
    const end = Math.min(items.length, start + ITEMS_PER_GROUP);
    const isCurrent = end > turnStart;
    groups.push(
      <ItemGroup
        key={start}
        items={items.slice(start, end)}
        turnStart={isCurrent ? turnStart - start : ITEMS_PER_GROUP}
        openItems={isCurrent ? thread.openItems : NO_OPEN_ITEMS}
        taskTimes={thread.taskTimes}
        feedback={feedback}
        allowedImageDomains={thread.allowedImageDomains}
      />,
    );
  }
  return <>{groups}</>;
}

const NO_OPEN_ITEMS: ReadonlySet<string> = new Set();
const NO_TASK_TIMES: ReadonlyMap<string, TaskTime> = new Map();

function indexAfterLastUserMessage(items: readonly ThreadItem[]): number {
  for (let index = items.length - 1; index >= 0; index--) if (items[index]?.type === "user_message") return index + 1;
  return 0;
}

interface ItemGroupProps {
  items: readonly ThreadItem[];
  /** Index in this group where the turn begins that is being answered. */
  turnStart: number;
  openItems: ReadonlySet<string>;
  taskTimes: ReadonlyMap<string, TaskTime>;
  feedback: ConversationState["feedback"];
  allowedImageDomains: readonly string[];
}

class ItemGroup extends Component<ItemGroupProps> {
  override shouldComponentUpdate(next: Readonly<ItemGroupProps>): boolean {
    const { items: before, ...rest } = this.props;
    const { items: after, ...nextRest } = next;
    const sameItems = before.length === after.length && before.every((item, index) => item === after[index]);
    return !sameItems || !shallowEqual(rest, nextRest);
  }

  override render({ items, turnStart, openItems, taskTimes, feedback, allowedImageDomains }: ItemGroupProps) {
    return (
      <div class="group">
        {items.map((item, index) => {
          const hasTasks = item.type === "workflow" || item.type === "task";
          return (
            <ItemView
              key={item.id}
              item={item}
              isTurnActive={hasTasks && index >= turnStart}
              isStreaming={openItems.has(item.id)}
              taskTimes={hasTasks ? taskTimes : NO_TASK_TIMES}
              rating={feedback[item.id] ?? null}
              allowedImageDomains={allowedImageDomains}
            />
          );
        })}
      </div>
    );
  }
}

/** One line while nothing else shows that the answer is on its way. */
const Progress = memo(({ conversation }: { conversation: ConversationState }) => {
  const { locale } = useView();
  const { thread, turn } = conversation;
  if (!turn || turn.isStopping) return null;
  const isWriting = thread.items.some((item) => item.type === "assistant_message" && thread.openItems.has(item.id));
  if (isWriting && !thread.progress) return null;
  return (
    <p class="progress" part="progress">
      <Icon name={thread.progress?.icon ?? "sparkle"} class="pulse" />
      <span dir="auto">{thread.progress?.text ?? locale.text("thinking")}</span>
    </p>
  );
});
