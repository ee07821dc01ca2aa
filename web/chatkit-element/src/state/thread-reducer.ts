/** The reducer: (thread, event) → thread. Pure; unknown events and item types leave the thread as it is. */

import type { ThreadEvent, ThreadItem, ThreadMetadata } from "../protocol/types";
import { applyItemUpdate, isAnnouncedAgain, tasksAnnouncedEarly } from "./item-updates";
import { EMPTY_THREAD, type Notice, type ThreadState } from "./thread-state";

export function reduceThread(state: ThreadState, event: ThreadEvent): ThreadState {
  const next = reduceEvent(state, event);
  if (next.superseded.length === 0) return next;
  const isDone = event.type === "thread.item.done" && event.item.type === "assistant_message";
  return isDone || isOvertaken(next) ? { ...next, superseded: EMPTY_THREAD.superseded } : next;
}

function reduceEvent(state: ThreadState, event: ThreadEvent): ThreadState {
  switch (event.type) {
    case "thread.created":
      return { ...withMetadata(state, event.thread), id: event.thread.id };
    case "thread.updated":
      // Its items are an empty page whatever the thread holds: only the metadata counts.
      return withMetadata(state, event.thread);
    case "thread.item.added":
      return addItem(state, event.item);
    case "thread.item.updated":
      return updateItem(state, event.item_id, event.update);
    case "thread.item.replaced":
      // What was put aside when the run started again, is gone on with.
      return state.superseded.some(({ id }) => id === event.item.id) ? addItem(state, event.item) : finishItem(state, event.item);
    case "thread.item.done":
      return finishItem(state, event.item);
    case "thread.item.removed":
      return closed({ ...state, items: state.items.filter((item) => item.id !== event.item_id) }, event.item_id);
    case "stream_options":
      return { ...state, allowCancel: event.stream_options.allow_cancel };
    case "progress_update":
      return { ...state, progress: { text: event.text, icon: event.icon ?? null } };
    case "notice":
      return addNotice(state, {
        level: event.level,
        title: event.title ?? null,
        message: event.message,
        code: null,
        canRetry: false,
      });
    case "error":
      return addNotice(state, {
        level: "danger",
        title: null,
        message: event.message ?? "",
        code: event.message ? null : (event.code ?? "custom"),
        canRetry: event.allow_retry ?? false,
        isOfTurn: true,
      });
    case "client_effect":
      return state; // for the page; the thread does not change
    default:
      event satisfies never;
      return state;
  }
}

function withMetadata(state: ThreadState, thread: ThreadMetadata): ThreadState {
  return {
    ...state,
    title: thread.title ?? null,
    status: thread.status ?? { type: "active" },
    allowedImageDomains: thread.allowed_image_domains ?? [],
  };
}

export function findItemIndex(items: readonly ThreadItem[], id: string): number {
  // From the end: what changes is almost always the newest.
  for (let i = items.length - 1; i >= 0; i--) if (items[i]?.id === id) return i;
  return -1;
}

function upsertItem(state: ThreadState, item: ThreadItem): ThreadState {
  const index = findItemIndex(state.items, item.id);
  if (index === -1) return { ...state, items: [...state.items, item] };
  const items = [...state.items];
  items[index] = item;
  return { ...state, items };
}

function addItem(state: ThreadState, item: ThreadItem): ThreadState {
  const next = opened(upsertItem(clearedProgress(state, item), item), item.id);
  const early = tasksAnnouncedEarly(item);
  return early > 0 ? { ...next, tasksToExpect: new Map(next.tasksToExpect).set(item.id, early) } : next;
}

function finishItem(state: ThreadState, item: ThreadItem): ThreadState {
  return closed(upsertItem(clearedProgress(state, item), item), item.id);
}

function updateItem(state: ThreadState, id: string, update: Parameters<typeof applyItemUpdate>[1]): ThreadState {
  const index = findItemIndex(state.items, id);
  const before = state.items[index];
  if (!before) return state;
  const expected = state.tasksToExpect.get(id) ?? 0;
  const after = applyItemUpdate(before, update, expected);
  if (update.type === "workflow.task.added" && before.type === "workflow" && isAnnouncedAgain(before, update.task_index, expected))
    return { ...state, tasksToExpect: new Map(state.tasksToExpect).set(id, expected - 1) };
  if (after === before) return state;
  const items = [...state.items];
  items[index] = after;
  return { ...state, items };
}

function opened(state: ThreadState, id: string): ThreadState {
  return { ...state, openItems: new Set(state.openItems).add(id) };
}

function closed(state: ThreadState, id: string): ThreadState {
  if (!state.openItems.has(id)) return state;
  const openItems = new Set(state.openItems);
  openItems.delete(id);
  return { ...state, openItems };
}

function clearedProgress(state: ThreadState, item: ThreadItem): ThreadState {
  return state.progress && item.type !== "user_message" ? { ...state, progress: null } : state;
}

export function addNotice(state: ThreadState, notice: Omit<Notice, "key">): ThreadState {
  const key = state.noticeCount + 1;
  return { ...state, noticeCount: key, notices: [...state.notices, { ...notice, key }] };
}

/** Offers "Continue" at the last notice: the answer was cut off, and there is more of it. */
export function offerToContinue(state: ThreadState): ThreadState {
  const last = state.notices.length - 1;
  return { ...state, notices: state.notices.map((notice, at) => (at === last ? { ...notice, canContinue: true } : notice)) };
}

export function dismissNotice(state: ThreadState, key: number): ThreadState {
  return { ...state, notices: state.notices.filter((notice) => notice.key !== key) };
}

/** The stream of a turn is over, however it ended: nothing is in progress any more. */
export function endTurn(state: ThreadState): ThreadState {
  return { ...state, progress: null, openItems: EMPTY_THREAD.openItems, superseded: EMPTY_THREAD.superseded };
}

/** Another attempt answers from the start: unfinished items are removed, and their text stays readable as superseded. */
export function dropUnfinished(state: ThreadState): ThreadState {
  const open = state.items.filter((item) => state.openItems.has(item.id) && item.type === "assistant_message");
  // A second attempt may die before it has written as much as the first: the longer text stays.
  const superseded = textLength(open) > textLength(state.superseded) ? open : state.superseded;
  return { ...endTurn(state), superseded, items: state.items.filter((item) => !state.openItems.has(item.id)) };
}

function isOvertaken(state: ThreadState): boolean {
  const open = state.items.filter((item) => state.openItems.has(item.id) && item.type === "assistant_message");
  return textLength(open) >= textLength(state.superseded);
}

function textLength(items: readonly ThreadItem[]): number {
  let length = 0;
  for (const item of items) if (item.type === "assistant_message") for (const part of item.content) length += part.text.length;
  return length;
}

/** Removes notices that say why a turn ended: the stored turn says it. */
export function dropNoticesOfTurns(state: ThreadState): ThreadState {
  const notices = state.notices.filter((notice) => !notice.isOfTurn);
  return notices.length === state.notices.length ? state : { ...state, notices };
}

/** Completes a client tool's call here: the server stores the output without sending an event about it. */
export function completeToolCall(state: ThreadState, itemId: string, output: unknown): ThreadState {
  const items = state.items.map((item) =>
    item.id === itemId && item.type === "client_tool_call" ? { ...item, status: "completed" as const, output } : item,
  );
  return { ...state, items };
}

/** Removes everything after an item, as `threads.retry_after_item` does on the server. */
export function truncateAfter(state: ThreadState, itemId: string): ThreadState {
  const index = findItemIndex(state.items, itemId);
  return index === -1 ? state : { ...endTurn(state), items: state.items.slice(0, index + 1), notices: [] };
}

/** Removes a message of the user's and everything after it, as an edit of it does on the server. */
export function truncateBefore(state: ThreadState, itemId: string): ThreadState {
  const index = findItemIndex(state.items, itemId);
  return index === -1 ? state : { ...endTurn(state), items: state.items.slice(0, index), notices: [] };
}

/** Takes over what was loaded, and keeps older items that were loaded before and the items of an answer in progress. */
export function withLoaded(
  state: ThreadState,
  thread: ThreadMetadata,
  { items, olderCursor, hasOlder }: Pick<ThreadState, "items" | "olderCursor" | "hasOlder">,
): ThreadState {
  const first = items[0];
  const overlap = first ? findItemIndex(state.items, first.id) : -1;
  const known = new Set(items.map((item) => item.id));
  const writing = state.items.filter((item) => state.openItems.has(item.id) && !known.has(item.id));
  const next = withMetadata(state, thread);
  if (overlap > 0) return { ...next, items: [...state.items.slice(0, overlap), ...items, ...writing] };
  return { ...next, items: [...items, ...writing], olderCursor, hasOlder, olderCount: 0 };
}

/** Put a page of older items (oldest first) before those on screen. */
export function prependOlder(
  state: ThreadState,
  older: readonly ThreadItem[],
  cursor: string | null,
  hasOlder: boolean,
): ThreadState {
  const known = new Set(state.items.map((item) => item.id));
  const fresh = older.filter((item) => !known.has(item.id));
  const olderCount = state.olderCount + fresh.length;
  return { ...state, items: [...fresh, ...state.items], olderCursor: cursor, hasOlder, olderCount };
}
