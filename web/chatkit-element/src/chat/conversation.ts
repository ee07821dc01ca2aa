/** One conversation: its state, what the server says about it, and the answer that is being written. */

import { fillTemplate, type Settings } from "../options/settings";
import type { ChatKitClient, StreamingRequest } from "../protocol/client";
import { failureOf, isAbort, isNotFound } from "../protocol/errors";
import type { ClientToolCallItem, StructuredAnswer, ThreadEvent, UserMessageInput } from "../protocol/types";
import { type ConversationState, EMPTY_CONVERSATION, type OutgoingMessage, type Turn } from "../state/app-state";
import type { ToldTurn } from "../state/branches";
import {
  addNotice,
  completeToolCall,
  dropNoticesOfTurns,
  dropUnfinished,
  endTurn,
  offerToContinue,
  prependOlder,
  reduceThread,
  truncateAfter,
  truncateBefore,
  withLoaded,
} from "../state/thread-reducer";
import { EMPTY_THREAD, type Notice, type ThreadState } from "../state/thread-state";
import { type AnswerReader, Answers } from "./answers";
import { answerClientTool, isPendingToolCall } from "./client-tools";
import { ConversationStream, type StreamListener } from "./conversation-stream";
import { cancelRun, pause } from "./repeating";
import type { TabStorage } from "./storage";
import { type LoadedThread, readItems, readThread } from "./thread-pages";
import { Turns } from "./turns";
import { UnsentMessages } from "./unsent";

/** A thread is not loaded anew more often than this, whatever its stream does. */
const RELOAD_INTERVAL_MIN_MS = 5_000;
/** The run's id comes with the headers of the answer. */
const RUN_ID_WAIT_MAX_MS = 3_000;
/** How long the server's word that a stopped run ended may take before we ask for the state. */
const STOP_CONFIRMATION_MAX_MS = 5_000;
const POLL_INTERVAL_MS = 50;
/** The events of a branch that is gone to come one by one. */
const TURNS_DELAY_MS = 60;

/** What a conversation needs of the element around it. */
export interface ConversationHost {
  readonly client: ChatKitClient;
  readonly settings: Settings;
  readonly storage: TabStorage;
  isOnline(): boolean;
  emit(name: string, detail?: unknown): void;
  reportError(error: Error): void;
  onChange(conversation: Conversation): void;
  onThreadCreated(conversation: Conversation): void;
  /** The page has a handler for client tools. */
  readonly canRunClientTools: boolean;
  runClientTool(call: ClientToolCallItem): Promise<unknown>;
}

let conversationCount = 0;

export class Conversation {
  state: ConversationState;
  readonly unsent: UnsentMessages;
  private readonly turns: Turns;
  private readonly answers: Answers;
  private readonly stream: ConversationStream;
  /** A frame of an answer could not be handled: the thread is to be loaded anew. */
  private isStale = false;
  private isReloadDue = false;
  private wasShown = false;
  private reloadedAtMs = 0;
  private isOver = false;
  private readingTurns: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly host: ConversationHost,
    threadId: string | null,
  ) {
    this.state = { ...EMPTY_CONVERSATION, key: ++conversationCount, thread: { ...EMPTY_THREAD, id: threadId } };
    this.turns = new Turns(this);
    this.stream = new ConversationStream(host.client, host.settings.resumeUrl, this.streamListener());
    this.answers = new Answers(host, this.turns, this.answerReader());
    this.unsent = new UnsentMessages({
      isOnline: () => host.isOnline(),
      canSend: () => this.canSend(),
      send: (message) => this.send(message),
      onUnsent: (messages) => this.onUnsent(messages),
      reportError: (error) => this.onFailure(error),
    });
  }

  get threadId(): string | null {
    return this.state.thread.id;
  }

  /** It was left for good: nothing of it is on screen any more. */
  get isClosed(): boolean {
    return this.isOver;
  }

  private get isDurable(): boolean {
    return this.host.settings.resumeUrl !== null;
  }

  /** There is something that leaving the conversation must not cut off. */
  get isBusyInBackground(): boolean {
    return !this.isClosed && (this.answers.isBusy || this.unsent.isWaiting);
  }

  update(patch: Partial<ConversationState>): void {
    if (this.isClosed) return;
    this.state = { ...this.state, ...patch };
    this.host.onChange(this);
  }

  updateThread(change: (thread: ThreadState) => ThreadState): void {
    const thread = change(this.state.thread);
    if (thread !== this.state.thread) this.update({ thread });
  }

  notify(notice: Omit<Notice, "key" | "title">): void {
    this.updateThread((thread) => addNotice(thread, { ...notice, title: null }));
  }

  close(): void {
    this.isOver = true;
    clearTimeout(this.readingTurns);
    this.stream.close();
    this.answers.abort();
  }

  // --- loading ---------------------------------------------------------------------------------------------------

  /** First load, with its events. Raises what the request raised. */
  async load(): Promise<void> {
    const threadId = this.threadId as string;
    this.update({ isLoading: true, loadError: null });
    this.host.emit("chatkit.thread.load.start", { threadId });
    try {
      this.show(await readThread(this.host.client, threadId), true);
      this.update({ isLoading: false });
    } catch (error) {
      // An id that the page came with may be wrong: only what was shown here once is known to have been deleted.
      this.update({ isLoading: false, loadError: failureOf(error), isGone: isNotFound(error) && this.wasShown });
      if (!isAbort(error)) this.host.reportError(error as Error);
      throw error;
    } finally {
      this.host.emit("chatkit.thread.load.end", { threadId });
    }
    this.restoreUnsent();
    this.openStream();
    const last = this.state.thread.items.at(-1);
    const canAnswer = this.host.canRunClientTools && this.state.thread.status.type === "active";
    if (!this.state.turn && canAnswer && isPendingToolCall(last)) void this.answerTool(last, false);
  }

  /** Reports what a request for this thread failed with, and looks whether there still is one. */
  private onFailure(error: Error): void {
    this.host.reportError(error);
    const { threadId } = this;
    if (!threadId || !isNotFound(error)) return;
    this.host.client.threadById(threadId).catch((reason: unknown) => {
      if (isNotFound(reason)) this.markGone();
    });
  }

  /** It was deleted: nothing of it can be asked for any more. What the person typed for it stays. */
  markGone(): void {
    this.stream.close();
    this.answers.abort();
    this.update({ isGone: true });
    this.turns.end();
  }

  /** Load again what is on screen: after a gap in the stream, or because the page asks for it. */
  async reload(): Promise<void> {
    if (!this.threadId || this.state.isGone) return;
    this.stream.close();
    this.isStale = false;
    try {
      this.show(await readThread(this.host.client, this.threadId), false);
    } catch (error) {
      if (isNotFound(error)) this.markGone();
      if (!isAbort(error)) this.host.reportError(error as Error);
    } finally {
      this.openStream();
    }
  }

  /** The stream has a hole. Should the next one have it too, that is not asked for without a pause. */
  private async reloadAfterGap(): Promise<void> {
    this.stream.close();
    if (this.isReloadDue) return;
    this.isReloadDue = true;
    const delayMs = this.reloadedAtMs + RELOAD_INTERVAL_MIN_MS - Date.now();
    if (delayMs > 0) await pause(delayMs);
    this.isReloadDue = false;
    this.reloadedAtMs = Date.now();
    await this.reload();
  }

  async loadOlder(): Promise<void> {
    const { thread, isLoadingOlder } = this.state;
    if (isLoadingOlder || !thread.hasOlder || !thread.id) return;
    this.update({ isLoadingOlder: true });
    try {
      const page = await readItems(this.host.client, thread.id, thread.olderCursor);
      this.updateThread((now) => prependOlder(now, page.items, page.olderCursor, page.hasOlder));
    } catch (error) {
      this.host.reportError(error as Error);
    } finally {
      this.update({ isLoadingOlder: false });
    }
  }

  private conversationAddress(path: string): string | null {
    const { conversationUrl } = this.host.settings;
    return conversationUrl && this.threadId ? `${fillTemplate(conversationUrl, { thread_id: this.threadId })}${path}` : null;
  }

  /** What the items do not say of the turns. It is not needed to read or write: a failure leaves what was known. */
  private async readTurns(): Promise<void> {
    const address = this.conversationAddress("/turns");
    if (!address || this.isClosed) return;
    try {
      const response = await this.host.client.request(address, { cache: "no-store" });
      const { data } = (await response.json()) as { data: ToldTurn[] };
      const isTold = data.at(-1)?.status === "failed";
      this.update({ toldTurns: data, ...(isTold && { thread: dropNoticesOfTurns(this.state.thread) }) });
    } catch (error) {
      if (!isAbort(error) && !isNotFound(error)) this.host.emit("chatkit.log", { name: "turns.unread", data: { error } });
    }
  }

  /** Many items may go at once. */
  private readTurnsSoon(): void {
    clearTimeout(this.readingTurns);
    this.readingTurns = setTimeout(() => void this.readTurns(), TURNS_DELAY_MS);
  }

  /** Goes to the branch of a run. The stream brings what is on it; without one it is loaded. */
  async switchBranch(runId: string): Promise<void> {
    const address = this.conversationAddress("/branch");
    if (!address || this.state.turn) return;
    try {
      const headers = { "Content-Type": "application/json" };
      await this.host.client.request(address, { method: "PUT", headers, body: JSON.stringify({ run_id: runId }) });
      if (this.stream.isOpen) this.readTurnsSoon();
      else await this.reload();
    } catch (error) {
      this.onFailure(error as Error);
      this.notify({ level: "danger", ...failureOf(error), canRetry: false });
    }
  }

  private show({ thread, page, resumeFrom, activeRun }: LoadedThread, isFirst: boolean): void {
    void this.readTurns();
    const before = new Set(this.state.thread.items.map((item) => item.id));
    this.wasShown = true;
    this.stream.restartAt(resumeFrom);
    this.updateThread((now) => withLoaded(now, thread, page));
    // What the stream would have shown came with the load: a message of ours among it must not stand there twice.
    for (const item of page.items) if (item.type === "user_message" && !before.has(item.id)) this.unsent.onShown(item);
    if (!this.isDurable) return;
    const { turn } = this.state;
    // Whoever opens a thread answers the client tool that its run may end with: the page that asked may be gone.
    const isOwn = isFirst || (activeRun !== null && this.turns.isOwn(activeRun));
    if (activeRun && !turn) this.turns.begin(isOwn ? "own" : "remote", activeRun);
    else if (!activeRun && turn && turn.runId !== null) this.turns.onRunEnded(turn.runId);
  }

  // --- what the server sends -------------------------------------------------------------------------------------

  openStream(): void {
    if (this.threadId && !this.isClosed && !this.state.isGone) this.stream.open(this.threadId);
  }

  closeStream(): void {
    this.stream.close();
  }

  /** The page woke up, or is online again. */
  poke(): void {
    this.stream.wake();
    if (!this.state.isLoading && !this.state.loadError) this.openStream();
    void this.unsent.flush();
  }

  private streamListener(): StreamListener {
    return {
      onEvent: (event, frameId) => this.onEvent(event, frameId),
      onRun: (run) => this.turns.onRun(run),
      onOther: (name, data) => this.host.emit("chatkit.log", { name: `stream.${name}`, data }),
      onGap: () => void this.reloadAfterGap(),
      onOpen: () => {
        this.update({ isReconnecting: false });
        // The stream carries what is being read. A request on its way is left alone: it may get lost.
        this.answers.stopReading();
      },
      onDown: () => this.update({ isReconnecting: true }),
      onEnd: (refusal) => {
        this.update({ isReconnecting: false });
        if (refusal) this.onFailure(refusal);
      },
      reportError: (error) => this.host.reportError(error),
    };
  }

  private answerReader(): AnswerReader {
    return {
      isNeeded: () => !this.stream.isOpen,
      hasThread: () => this.threadId !== null,
      openStream: () => this.openStream(),
      onFrame: (frame) => this.stream.onAnswerFrame(frame),
      // What it would have changed is missing. An answer cannot be taken up in the middle: it is read to its end first.
      onBadFrame: (error) => {
        this.host.reportError(error as Error);
        this.isStale = true;
      },
      onLost: (error) => {
        this.notify({ level: "danger", message: "", code: "connection_lost", canRetry: true });
        this.host.reportError(error);
      },
    };
  }

  private onEvent(event: ThreadEvent, frameId: string | null): void {
    // After Stop no new text appears; what the server stored arrives as a finished item.
    const isText = event.type === "thread.item.updated" || event.type === "progress_update";
    if (this.state.turn?.isStopping && isText) return;
    this.updateThread((thread) => reduceThread(thread, event, Date.now()));
    switch (event.type) {
      case "thread.created":
        this.stream.restartAt(frameId);
        this.host.storage.writeUnsentOfNew([], (key) => this.unsent.knows(key));
        this.onUnsent(this.state.unsent); // kept under the thread's id from now on
        this.host.onThreadCreated(this);
        this.openStream();
        break;
      case "thread.item.removed": // a branch began, or was gone to
        this.readTurnsSoon();
        break;
      case "thread.item.done":
        if (event.item.type === "user_message") this.unsent.onShown(event.item);
        break;
      case "client_effect":
        this.host.emit("chatkit.effect", { name: event.name, data: event.data ?? {} });
        break;
      case "error":
        this.turns.onError();
        this.host.reportError(new Error(event.message ?? event.code ?? "error"));
        break;
    }
  }

  // --- turns -----------------------------------------------------------------------------------------------------

  onTurn(turn: Turn | null): void {
    this.update({ turn });
  }

  onTurnBegun(): void {
    if (this.isClosed) return; // nobody sees it
    this.updateThread((thread) => ({ ...thread, allowCancel: true, notices: [] }));
    this.host.emit("chatkit.response.start");
  }

  onTurnEnded(turn: Turn): void {
    if (this.isClosed) return;
    this.updateThread(endTurn);
    this.host.emit("chatkit.response.end");
    if (this.state.toldTurns.length > 0) void this.readTurns();
    if (this.isStale) void this.reload();
    const last = this.state.thread.items.at(-1);
    if (turn.origin === "own" && !turn.isStopping && isPendingToolCall(last)) void this.answerTool(last, true);
    else void this.unsent.flush();
  }

  onRunFailed(code: string, isTold: boolean): void {
    if (!isTold) this.notify({ level: "danger", message: "", code, canRetry: true, isOfTurn: true });
    if (code === "model_answer_cut_off") this.updateThread(offerToContinue);
  }

  onRunBroken(): void {
    void this.readTurns();
  }

  onRunRestarted(): void {
    this.updateThread(dropUnfinished);
  }

  /** At once on the screen, then confirmed by the server. */
  async stop(): Promise<void> {
    const { turn } = this.state;
    const { stopUrl } = this.host.settings;
    if (!turn || turn.isStopping) return;
    this.turns.setStopping(turn.key, true);
    const isSameTurn = () => this.state.turn?.key === turn.key;
    if (stopUrl) await waitUntil(() => !isSameTurn() || this.state.turn?.runId != null, RUN_ID_WAIT_MAX_MS);
    if (!isSameTurn()) return;
    const runId = this.state.turn?.runId;
    if (!stopUrl || !runId) {
      // Without an address for it, closing the connection is the only way to tell a ChatKit server to stop.
      this.answers.abort();
      this.turns.end();
      return;
    }
    try {
      await cancelRun(this.host.client, fillTemplate(stopUrl, { run_id: runId }));
    } catch (error) {
      this.host.reportError(error as Error);
      this.turns.setStopping(turn.key, false);
      this.notify({ level: "danger", message: "", code: "stop_failed", canRetry: false });
      return;
    }
    await waitUntil(() => !isSameTurn(), STOP_CONFIRMATION_MAX_MS);
    if (isSameTurn()) await this.reload();
  }

  /** Runs a client tool that the server waits for. Never raises: what goes wrong is reported, and shown. */
  private async answerTool(call: ClientToolCallItem, isNew: boolean): Promise<void> {
    const submit = (result: unknown) => {
      this.updateThread((thread) => completeToolCall(thread, call.id, result));
      return this.ask({ type: "threads.add_client_tool_output", params: { thread_id: call.thread_id, result } });
    };
    const { client, storage } = this.host;
    const run = () => this.host.runClientTool(call);
    try {
      await answerClientTool({ client, storage, run, submit, isLeft: () => this.isClosed }, call, isNew);
    } catch (error) {
      this.host.reportError(error as Error);
      this.notify({ level: "danger", message: "", code: "client_tool_failed", canRetry: false });
    }
  }

  // --- what the person asks for ----------------------------------------------------------------------------------

  /** Forgets what came after a message of the user's, and has it answered again. */
  async retryAfter(itemId: string): Promise<void> {
    const { threadId } = this;
    if (!threadId || this.state.turn) return;
    const { items } = this.state.thread;
    this.updateThread((thread) => truncateAfter(thread, itemId));
    const params = { thread_id: threadId, item_id: itemId };
    // What the server did not forget stays.
    if (!(await this.ask({ type: "threads.retry_after_item", params }))) this.updateThread((thread) => ({ ...thread, items }));
  }

  /** Sends another version of a message of the user's. Returns whether the server accepted it. */
  async edit(itemId: string, input: UserMessageInput): Promise<boolean> {
    const { threadId } = this;
    if (!threadId || this.state.turn) return false;
    const { items } = this.state.thread;
    this.updateThread((thread) => truncateBefore(thread, itemId));
    const params = { thread_id: threadId, input };
    const isAccepted = await this.ask({ type: "threads.add_user_message", params, editedId: itemId });
    if (!isAccepted) this.updateThread((thread) => ({ ...thread, items }));
    return isAccepted;
  }

  /** Answers or skips questions. If that fails they stay on screen. */
  async submitStructuredInput(
    itemId: string,
    status: "answered" | "skipped",
    answers: Record<string, StructuredAnswer>,
  ): Promise<void> {
    const { threadId } = this;
    if (!threadId) return;
    const params = { thread_id: threadId, item_id: itemId, input: { status, answers } };
    await this.ask({ type: "threads.add_structured_input", params });
  }

  /** Raises if there is no thread yet. */
  async customAction(action: { type: string; payload?: unknown }, itemId: string | undefined): Promise<void> {
    const { threadId } = this;
    if (!threadId) throw new Error("sendCustomAction needs a thread.");
    const params = { thread_id: threadId, action, ...(itemId && { item_id: itemId }) };
    await this.ask({ type: "threads.custom_action", params });
  }

  /** Returns whether the server accepted it; if not, that is reported, and shown. */
  private async ask(request: StreamingRequest): Promise<boolean> {
    try {
      await this.answers.request(request, crypto.randomUUID());
      return true;
    } catch (error) {
      if (isAbort(error)) return false;
      this.onFailure(error as Error);
      // What the person did is still there to be done again; "Try again" would answer their last message anew.
      this.notify({ level: "danger", ...failureOf(error), canRetry: false });
      return false;
    }
  }

  // --- messages that are not delivered yet -----------------------------------------------------------------------

  /** What an earlier page could not deliver, but what another conversation has in hand. */
  restoreUnsent(isElsewhere: (key: string) => boolean = () => false): void {
    const stored = this.host.storage.readUnsent(this.threadId).filter(({ key }) => !isElsewhere(key));
    const lastShown = this.state.thread.items.findLast((item) => item.type === "user_message");
    this.unsent.restore(stored, lastShown);
  }

  private canSend(): boolean {
    const { thread, turn, isLoading, isGone } = this.state;
    if (this.isClosed || isLoading || isGone || !this.host.isOnline()) return false;
    const isCreating = thread.id === null && turn !== null;
    const isQueuedThere = this.isDurable && this.host.settings.onBusy !== null && !isCreating;
    return turn === null || isQueuedThere;
  }

  private send({ input, key }: OutgoingMessage): Promise<void> {
    const { threadId } = this;
    const request: StreamingRequest = threadId
      ? { type: "threads.add_user_message", params: { thread_id: threadId, input } }
      : { type: "threads.create", params: { input } };
    return this.answers.request(request, key);
  }

  private onUnsent(messages: readonly OutgoingMessage[]): void {
    this.update({ unsent: messages });
    const { storage } = this.host;
    if (this.threadId) storage.writeUnsent(this.threadId, this.unsent.undelivered);
    else storage.writeUnsentOfNew(this.unsent.undelivered, (key) => this.unsent.knows(key));
  }
}

async function waitUntil(condition: () => boolean, limitMs: number): Promise<void> {
  const until = Date.now() + limitMs;
  while (!condition() && Date.now() < until) await pause(POLL_INTERVAL_MS);
}
