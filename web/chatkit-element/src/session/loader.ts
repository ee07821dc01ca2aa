/** Loads a conversation and its older items. */

import { failureOf, isAbort } from "../protocol/errors";
import type { Page, Thread, ThreadItem } from "../protocol/types";
import { findItemIndex, prependOlder } from "../state/thread-reducer";
import { EMPTY_THREAD, type ThreadState } from "../state/thread-state";
import { resumeClientTool } from "./client-tools";
import type { Conversation } from "./conversation";
import { isPendingToolCall } from "./turns";

const ITEMS_PER_PAGE = 50;
/** A page may hold nothing but hidden items, which the server filters out after cutting it. */
const EMPTY_PAGES_MAX = 20;
const RESET_INTERVAL_MIN_MS = 5_000;

type LoadedThread = Pick<ThreadState, "items" | "olderCursor" | "hasOlder"> & { thread: Thread; headers: Headers };

export class Loader {
  private lastResetAtMs = 0;

  constructor(private readonly conversation: Conversation) {}

  /** First load, with its events. Raises what the request raised. */
  async load(): Promise<void> {
    const { conversation } = this;
    const threadId = conversation.threadId as string;
    conversation.update({ isLoading: true, loadError: null });
    conversation.host.emit("chatkit.thread.load.start", { threadId });
    try {
      this.show(await this.fetch(threadId), true);
      conversation.update({ isLoading: false });
    } catch (error) {
      conversation.update({ isLoading: false, loadError: failureOf(error) });
      if (!isAbort(error)) conversation.host.reportError(error as Error);
      throw error;
    } finally {
      conversation.host.emit("chatkit.thread.load.end", { threadId });
    }
    conversation.outbox.restore();
    conversation.openLive();
    const last = conversation.state.thread.items.at(-1);
    if (!conversation.state.turn && isPendingToolCall(last)) void resumeClientTool(conversation, last);
  }

  /** Load again what is on screen: after a gap in the stream, or because the page asks for it. */
  async reload(): Promise<void> {
    const { conversation } = this;
    if (!conversation.threadId) return;
    conversation.closeLive();
    try {
      this.show(await this.fetch(conversation.threadId), false);
    } catch (error) {
      if (!isAbort(error)) conversation.host.reportError(error as Error);
    } finally {
      conversation.openLive();
    }
  }

  /** The stream has a hole. Should the next one have it too, that is not asked for without a pause. */
  async reloadAfterReset(): Promise<void> {
    const { conversation } = this;
    conversation.closeLive();
    const delayMs = Math.max(0, this.lastResetAtMs + RESET_INTERVAL_MIN_MS - Date.now());
    this.lastResetAtMs = Date.now() + delayMs;
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    await this.reload();
  }

  async loadOlder(): Promise<void> {
    const { conversation } = this;
    const { thread, isLoadingOlder } = conversation.state;
    if (isLoadingOlder || !thread.hasOlder || !thread.id) return;
    conversation.update({ isLoadingOlder: true });
    try {
      const page = await this.newestPage(thread.id, thread.olderCursor);
      conversation.updateThread((now) => prependOlder(now, page.items, page.olderCursor, page.hasOlder));
    } catch (error) {
      conversation.host.reportError(error as Error);
    } finally {
      conversation.update({ isLoadingOlder: false });
    }
  }

  /** The newest items. `threads.get_by_id` has the oldest ones: a longer thread needs a second request. */
  private async fetch(threadId: string): Promise<LoadedThread> {
    const { thread, headers } = await this.conversation.host.client.threadById(threadId);
    if (!thread.items?.has_more) return { thread, headers, items: thread.items?.data ?? [], olderCursor: null, hasOlder: false };
    return { thread, headers, ...(await this.newestPage(threadId, null)) };
  }

  private async newestPage(
    threadId: string,
    after: string | null,
  ): Promise<Pick<ThreadState, "items" | "olderCursor" | "hasOlder">> {
    let cursor = after;
    for (let tries = 0; tries < EMPTY_PAGES_MAX; tries++) {
      const page: Page<ThreadItem> = await this.conversation.host.client.listItems(threadId, ITEMS_PER_PAGE, cursor);
      const next = page.after ?? page.data.at(-1)?.id ?? null;
      if (page.data.length > 0 || !page.has_more || next === cursor) {
        return { items: [...page.data].reverse(), olderCursor: next, hasOlder: page.has_more && next !== cursor };
      }
      cursor = next;
    }
    return { items: [], olderCursor: null, hasOlder: false };
  }

  private show({ thread, headers, items, olderCursor, hasOlder }: LoadedThread, isFirst: boolean): void {
    const { conversation } = this;
    const before = new Set(conversation.state.thread.items.map((item) => item.id));
    conversation.gate.restart(headers.get("Natter-Resume-From"));
    conversation.updateThread((now) => ({
      ...merge(now, items, olderCursor, hasOlder),
      title: thread.title ?? null,
      status: thread.status ?? { type: "active" },
      allowedImageDomains: thread.allowed_image_domains ?? [],
    }));
    // What the stream would have shown came with the load: a message of ours among it must not stand there twice.
    for (const item of items) if (item.type === "user_message" && !before.has(item.id)) conversation.outbox.onShown(item);
    this.showRun(headers.get("Natter-Active-Run"), isFirst);
  }

  private showRun(runId: string | null, isFirst: boolean): void {
    const { conversation } = this;
    if (!conversation.isDurable) return;
    const { turn } = conversation.state;
    // Whoever opens a thread answers the client tool that its run may end with: the page that asked may be gone.
    const isOwn = isFirst || (runId !== null && conversation.turns.ownRuns.has(runId));
    if (runId && !turn) conversation.turns.begin(isOwn ? "own" : "remote", runId);
    else if (!runId && turn && turn.runId !== null) conversation.turns.onRunEnded(turn.runId);
  }
}

/** Keep the older items that were paged in, and the ones that are being written in an answer we read ourselves. */
function merge(now: ThreadState, items: readonly ThreadItem[], olderCursor: string | null, hasOlder: boolean): ThreadState {
  const first = items[0];
  const overlap = first ? findItemIndex(now.items, first.id) : -1;
  const known = new Set(items.map((item) => item.id));
  const writing = now.items.filter((item) => now.openItems.has(item.id) && !known.has(item.id));
  const kept: ThreadState = { ...EMPTY_THREAD, ...now };
  if (overlap > 0) return { ...kept, items: [...now.items.slice(0, overlap), ...items, ...writing] };
  return { ...kept, items: [...items, ...writing], olderCursor, hasOlder, olderCount: 0 };
}
