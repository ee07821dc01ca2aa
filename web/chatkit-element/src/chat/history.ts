/** The list of threads: paging, search, rename, delete. */

import type { ChatKitClient } from "../protocol/client";
import { failureOf } from "../protocol/errors";
import type { Page, Thread } from "../protocol/types";
import { fillTemplate, type Settings, withParameter } from "../options/settings";
import { type AppState, EMPTY_HISTORY, type HistoryState, type ThreadSummary } from "../state/app-state";
import type { Store } from "./store";

const THREADS_PER_PAGE = 30;

export interface HistoryHost {
  readonly client: ChatKitClient;
  readonly settings: Settings;
  emit(name: string, detail?: unknown): void;
  reportError(error: Error): void;
}

export class History {
  /** Counts requests, so that a late answer of an earlier one is not shown. */
  private generation = 0;

  constructor(
    private readonly host: HistoryHost,
    private readonly store: Store<AppState>,
  ) {}

  private get state(): HistoryState {
    return this.store.state.history;
  }

  private update(patch: Partial<HistoryState>): void {
    this.store.set({ history: { ...this.state, ...patch } });
  }

  async open(): Promise<void> {
    if (this.state.isOpen) return;
    this.update({ ...EMPTY_HISTORY, isOpen: true });
    this.host.emit("chatkit.history.open");
    await this.load();
  }

  close(): void {
    if (!this.state.isOpen) return;
    this.generation++;
    this.update({ isOpen: false });
    this.host.emit("chatkit.history.close");
  }

  async search(query: string): Promise<void> {
    this.update({ query, threads: [], after: null, hasMore: false });
    await this.load();
  }

  async loadMore(): Promise<void> {
    if (this.state.hasMore && !this.state.isLoading) await this.load();
  }

  async load(): Promise<void> {
    const generation = ++this.generation;
    this.update({ isLoading: true, error: null });
    try {
      const page = await this.fetch(this.state.query.trim(), this.state.after);
      if (generation !== this.generation) return;
      const known = new Set(this.state.threads.map((thread) => thread.id));
      const threads = [...this.state.threads, ...page.data.filter((thread) => !known.has(thread.id))];
      const after = page.after ?? page.data.at(-1)?.id ?? null;
      this.update({ threads, after, hasMore: page.has_more, isLoading: false });
    } catch (error) {
      if (generation !== this.generation) return;
      this.update({ isLoading: false, error: failureOf(error) });
      this.host.reportError(error as Error);
    }
  }

  private async fetch(query: string, after: string | null): Promise<Page<ThreadSummary>> {
    const { searchUrl } = this.host.settings;
    if (!query || !searchUrl) return this.host.client.listThreads(THREADS_PER_PAGE, after);
    const url = fillTemplate(searchUrl, { query });
    const response = await this.host.client.request(after ? withParameter(url, "after", after) : url, {
      headers: { Accept: "application/json" },
    });
    return (await response.json()) as Page<ThreadSummary>;
  }

  /** Returns the thread as the server has it now, or null if it refused. */
  async rename(threadId: string, title: string): Promise<Thread | null> {
    try {
      const thread = await this.host.client.renameThread(threadId, title);
      this.update({ threads: this.state.threads.map((known) => (known.id === threadId ? { ...known, title } : known)) });
      return thread;
    } catch (error) {
      this.failed(error as Error);
      return null;
    }
  }

  async remove(threadId: string): Promise<boolean> {
    try {
      await this.host.client.deleteThread(threadId);
      this.update({ threads: this.state.threads.filter((thread) => thread.id !== threadId) });
      return true;
    } catch (error) {
      this.failed(error as Error);
      return false;
    }
  }

  private failed(error: Error): void {
    this.update({ error: failureOf(error) });
    this.host.reportError(error);
  }
}
