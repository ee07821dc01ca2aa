/** Reads a thread from the server, newest items first. */

import type { ChatKitClient } from "../protocol/client";
import type { Page, Thread, ThreadItem } from "../protocol/types";
import type { ThreadState } from "../state/thread-state";

const ITEMS_PER_PAGE = 50;
/** A page may hold nothing but hidden items, which the server filters out after cutting it. */
const EMPTY_PAGES_MAX = 20;

/** Items from the oldest to the newest, and where older ones continue. */
export type ItemsPage = Pick<ThreadState, "items" | "olderCursor" | "hasOlder">;

export interface LoadedThread {
  thread: Thread;
  page: ItemsPage;
  /** Where the conversation's stream continues what was read. */
  resumeFrom: string | null;
  activeRun: string | null;
}

/** Reads the thread and its newest items. `threads.get_by_id` has the oldest items: a longer thread needs a second request. */
export async function readThread(client: ChatKitClient, threadId: string): Promise<LoadedThread> {
  const { thread, headers } = await client.threadById(threadId);
  const page = thread.items?.has_more
    ? await readItems(client, threadId, null)
    : { items: thread.items?.data ?? [], olderCursor: null, hasOlder: false };
  return { thread, page, resumeFrom: headers.get("Natter-Resume-From"), activeRun: headers.get("Natter-Active-Run") };
}

/** The items before a cursor; null: the newest. */
export async function readItems(client: ChatKitClient, threadId: string, before: string | null): Promise<ItemsPage> {
  let cursor = before;
  for (let tries = 0; tries < EMPTY_PAGES_MAX; tries++) {
    const page: Page<ThreadItem> = await client.listItems(threadId, ITEMS_PER_PAGE, cursor);
    const next = page.after ?? page.data.at(-1)?.id ?? null;
    if (page.data.length > 0 || !page.has_more || next === cursor) {
      return { items: [...page.data].reverse(), olderCursor: next, hasOlder: page.has_more && next !== cursor };
    }
    cursor = next;
  }
  return { items: [], olderCursor: null, hasOlder: false };
}
