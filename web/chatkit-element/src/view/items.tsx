/** The items of a thread, drawn in groups: the newest first, older ones when the page is idle. */

import { Component, Fragment } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ThreadItem } from "../protocol/types";
import type { ConversationState } from "../state/app-state";
import { type StoredTurn, turnAtEnd } from "../state/stored-turn";
import { pendingItem } from "../state/pending";
import { whenIdle } from "./idle";
import { ItemView } from "./item";
import { shallowEqual } from "./memo";
import { TurnNote } from "./turn-note";

/** A new word in the last message redraws one group; the items of the others are not even compared. */
const ITEMS_PER_GROUP = 25;
/** Enough to fill the largest screen; these are drawn at once. */
const GROUPS_AT_FIRST = 2;

export function Items({ conversation }: { conversation: ConversationState }) {
  const { thread, turn, feedback, storedTurns } = conversation;
  const { olderCount, superseded } = thread;
  // The text of a dead attempt is shown until the new attempt, which is drawn behind it, has as much text.
  const items = superseded.length > 0 ? thread.items.filter((item) => item.type !== "assistant_message" || !thread.openItems.has(item.id)) : thread.items;
  // Counted from the item that was loaded first, so that older items in front do not move items to another group.
  const starts = groupStarts(items.length, olderCount);
  const [drawnFrom, setDrawnFrom] = useState(() => starts.at(-GROUPS_AT_FIRST) ?? starts[0] ?? 0);
  const next = starts.findLast((start) => start < drawnFrom);
  useEffect(() => {
    if (next !== undefined) return whenIdle(() => setDrawnFrom(next));
  }, [next]);
  // A turn that waits for the person is not over: what it was at is not interrupted.
  const isWaiting = turn === null && pendingItem(items) !== null;
  const isUnfinished = turn !== null || isWaiting;
  const turnStart = isUnfinished ? indexAfterLastUserMessage(items) : items.length;
  return (
    <>
      {starts.map((start, position) => {
        if (start < drawnFrom) return <div key={start} class="group pending" />;
        const from = start + olderCount;
        const to = Math.min(items.length, (starts[position + 1] ?? Infinity) + olderCount);
        const isCurrent = to > turnStart;
        return (
          <ItemGroup
            key={start}
            items={items.slice(from, to)}
            isWaiting={isCurrent && isWaiting}
            turnStart={isCurrent ? turnStart - from : ITEMS_PER_GROUP}
            openItems={isCurrent ? thread.openItems : NO_OPEN_ITEMS}
            feedback={feedback}
            allowedImageDomains={thread.allowedImageDomains}
            storedTurns={storedTurns}
            turnBefore={turnAtEnd(items.slice(0, from), storedTurns)}
          />
        );
      })}
    </>
  );
}

/** Where groups begin; negative for items that were put in front later. */
function groupStarts(count: number, olderCount: number): number[] {
  const starts: number[] = [];
  const first = Math.floor(-olderCount / ITEMS_PER_GROUP) * ITEMS_PER_GROUP;
  for (let start = first; start < count - olderCount; start += ITEMS_PER_GROUP) starts.push(Math.max(start, -olderCount));
  return starts;
}

function indexAfterLastUserMessage(items: readonly ThreadItem[]): number {
  for (let index = items.length - 1; index >= 0; index--) if (items[index]?.type === "user_message") return index + 1;
  return 0;
}

const NO_OPEN_ITEMS: ReadonlySet<string> = new Set();

interface ItemGroupProps {
  items: readonly ThreadItem[];
  /** Index in this group of the first item of the turn that is being answered. */
  turnStart: number;
  /** That turn stands still until a person, or a tool of the page, answers. */
  isWaiting: boolean;
  openItems: ReadonlySet<string>;
  feedback: ConversationState["feedback"];
  allowedImageDomains: readonly string[];
  storedTurns: readonly StoredTurn[];
  /** The turn that the items before this group end in, if the server stored something about it. */
  turnBefore: StoredTurn | null;
}

class ItemGroup extends Component<ItemGroupProps> {
  override shouldComponentUpdate(next: Readonly<ItemGroupProps>): boolean {
    const { items: before, ...rest } = this.props;
    const { items: after, ...nextRest } = next;
    const sameItems = before.length === after.length && before.every((item, index) => item === after[index]);
    return !sameItems || !shallowEqual(rest, nextRest);
  }

  override render({ items, turnStart, isWaiting, openItems, feedback, allowedImageDomains, storedTurns, turnBefore }: ItemGroupProps) {
    return (
      <div class="group">
        {items.map((item, index) => {
          const hasTasks = item.type === "workflow" || item.type === "task";
          const isUsers = item.type === "user_message";
          const ended = isUsers ? turnAtEnd(items.slice(0, index), storedTurns, turnBefore) : null;
          const versions = isUsers ? storedTurns.find((turn) => turn.message_id === item.id && turn.message_versions.length > 1) : undefined;
          return (
            <Fragment key={item.id}>
              {ended && <TurnNote turn={ended} />}
              <ItemView
                item={item}
                isTurnActive={hasTasks && index >= turnStart}
                isWaiting={isWaiting && hasTasks && index >= turnStart}
                isStreaming={openItems.has(item.id)}
                rating={feedback[item.id] ?? null}
                allowedImageDomains={allowedImageDomains}
                versions={versions ?? null}
              />
            </Fragment>
          );
        })}
      </div>
    );
  }
}
