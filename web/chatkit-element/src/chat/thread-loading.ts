/** Loading a thread: for the first time, again when something of it was missed, and page by page towards its beginning. */

import type { ChatKitClient } from "../protocol/client";
import { failureOf, isAbort, isNotFound } from "../protocol/errors";
import type { ConversationState } from "../state/app-state";
import { prependOlder } from "../state/thread-reducer";
import { pause } from "./repeating";
import { type LoadedThread, readItems, readThread } from "./thread-pages";

/** A stream that reports a gap after every load must not make us load without a pause. */
const RELOAD_INTERVAL_MIN_MS = 5_000;

export interface LoadingHost {
  readonly client: ChatKitClient;
  state(): ConversationState;
  update(patch: Partial<ConversationState>): void;
  onLoaded(loaded: LoadedThread, isFirstLoad: boolean): void;
  /** The thread was there before, and is not any more. */
  onGone(): void;
  openStream(): void;
  closeStream(): void;
  emit(name: string, detail?: unknown): void;
  reportError(error: Error): void;
}

export class ThreadLoading {
  private wasLoaded = false;
  private isReloadWaiting = false;
  private reloadedAtMs = 0;
  private isStale = false;

  constructor(private readonly host: LoadingHost) {}

  /** Loads the thread for the first time, and tells the page so. Raises what the request raised. */
  async load(): Promise<void> {
    const { host } = this;
    const threadId = host.state().thread.id as string;
    host.update({ isLoading: true, loadError: null });
    host.emit("chatkit.thread.load.start", { threadId });
    try {
      this.onLoaded(await readThread(host.client, threadId), true);
      host.update({ isLoading: false });
    } catch (error) {
      // The id may have come from a link that never was right: only a thread that was loaded before was deleted.
      host.update({ isLoading: false, loadError: failureOf(error), isGone: isNotFound(error) && this.wasLoaded });
      if (!isAbort(error)) host.reportError(error as Error);
      throw error;
    } finally {
      host.emit("chatkit.thread.load.end", { threadId });
    }
  }

  /** Loads again what is on screen. Never raises: a failure is reported. */
  async reload(): Promise<void> {
    const { host } = this;
    const { id } = host.state().thread;
    if (!id || host.state().isGone) return;
    host.closeStream();
    this.isStale = false;
    try {
      this.onLoaded(await readThread(host.client, id), false);
    } catch (error) {
      if (isNotFound(error)) host.onGone();
      if (!isAbort(error)) host.reportError(error as Error);
    } finally {
      host.openStream();
    }
  }

  /** Loads again because the stream has a gap: soon, but not more often than is good for the server. */
  async reloadAfterGap(): Promise<void> {
    this.host.closeStream();
    if (this.isReloadWaiting) return;
    this.isReloadWaiting = true;
    const delayMs = this.reloadedAtMs + RELOAD_INTERVAL_MIN_MS - Date.now();
    if (delayMs > 0) await pause(delayMs);
    this.isReloadWaiting = false;
    this.reloadedAtMs = Date.now();
    await this.reload();
  }

  /** An event of the answer that is being read could not be applied: what it changed is loaded when the answer is over. */
  markStale(): void {
    this.isStale = true;
  }

  reloadIfStale(): void {
    if (this.isStale) void this.reload();
  }

  /** Puts the next page of older items before those on screen. Never raises. */
  async loadOlder(): Promise<void> {
    const { host } = this;
    const { thread, isLoadingOlder } = host.state();
    if (isLoadingOlder || !thread.hasOlder || !thread.id) return;
    host.update({ isLoadingOlder: true });
    try {
      const page = await readItems(host.client, thread.id, thread.olderCursor);
      host.update({ thread: prependOlder(host.state().thread, page.items, page.olderCursor, page.hasOlder) });
    } catch (error) {
      host.reportError(error as Error);
    } finally {
      host.update({ isLoadingOlder: false });
    }
  }

  private onLoaded(loaded: LoadedThread, isFirstLoad: boolean): void {
    this.wasLoaded = true;
    this.host.onLoaded(loaded, isFirstLoad);
  }
}
