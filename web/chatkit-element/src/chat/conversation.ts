/** One conversation. It owns the state, and decides what changes in it; each part beside it does one thing for it. */

import { fillTemplate, type Settings } from "../options/settings";
import type { ChatKitClient, StreamingRequest } from "../protocol/client";
import { failureOf, isNotFound } from "../protocol/errors";
import type { ClientToolCallItem, ThreadEvent, WidgetItem } from "../protocol/types";
import { type ConversationState, EMPTY_CONVERSATION, type OutgoingMessage, type Turn } from "../state/app-state";
import type { StoredTurn } from "../state/stored-turn";
import {
  addNotice,
  completeToolCall,
  dropNoticesOfTurns,
  dropUnfinished,
  endTurn,
  offerToContinue,
  reduceThread,
  withLoaded,
} from "../state/thread-reducer";
import { pendingItem, pendingToolCall } from "../state/pending";
import { EMPTY_THREAD, type Notice, type ThreadState } from "../state/thread-state";
import { type AnswerReader, Answers } from "./answers";
import { answerClientTool } from "./client-tools";
import { ConversationStream, type StreamListener } from "./conversation-stream";
import { CurrentTurn, type TurnListener } from "./current-turn";
import { stopCurrentTurn } from "./stopping";
import type { TabStorage } from "./storage";
import { StoredTurns } from "./stored-turns";
import { ThreadLoading } from "./thread-loading";
import type { LoadedThread } from "./thread-pages";
import { ThreadRequests } from "./thread-requests";
import { UnsentMessages } from "./unsent";
import { performWidgetAction, type WidgetAction, type WidgetActionHost } from "./widget-actions";

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
  /** The page's handler for widgets' actions that it wants for itself. */
  onWidgetAction: WidgetActionHost["onAction"];
}

let conversationCount = 0;

export class Conversation {
  state: ConversationState;
  readonly unsent: UnsentMessages;
  readonly requests: ThreadRequests;
  private readonly stream: ConversationStream;
  private readonly loading: ThreadLoading;
  private readonly currentTurn: CurrentTurn;
  private readonly storedTurns: StoredTurns;
  private readonly answers: Answers;
  /** It was left for good: nothing of it is on screen any more. */
  private isClosed = false;
  private readonly whenIdleWaiting: (() => void)[] = [];

  constructor(
    readonly host: ConversationHost,
    threadId: string | null,
  ) {
    this.state = { ...EMPTY_CONVERSATION, key: ++conversationCount, thread: { ...EMPTY_THREAD, id: threadId } };
    this.currentTurn = new CurrentTurn(this.turnListener());
    this.stream = new ConversationStream(host.client, host.settings.resumeUrl, this.streamListener());
    this.answers = new Answers(host, this.currentTurn, this.answerReader());
    this.loading = new ThreadLoading({
      client: host.client,
      state: () => this.state,
      update: (patch) => this.update(patch),
      onLoaded: (loaded, isFirstLoad) => this.onLoaded(loaded, isFirstLoad),
      onGone: () => this.markGone(),
      openStream: () => this.openStream(),
      closeStream: () => this.stream.close(),
      emit: (name, detail) => host.emit(name, detail),
      reportError: (error) => host.reportError(error),
    });
    this.storedTurns = new StoredTurns({
      client: host.client,
      address: () => this.storedAddress(),
      onRead: (turns) => this.onStoredTurns(turns),
      onReadFailed: (error) => host.emit("chatkit.log", { name: "turns.unread", data: { error } }),
    });
    this.requests = new ThreadRequests({
      thread: () => this.state.thread,
      isAnswering: () => this.state.turn !== null,
      updateThread: (change) => this.updateThread(change),
      request: (request) => this.answers.request(request, crypto.randomUUID()),
      onRefusal: (error) => this.onRefusal(error),
    });
    this.unsent = new UnsentMessages({
      isOnline: () => host.isOnline(),
      canSend: () => this.canSend(),
      send: (message) => this.send(message),
      onUnsent: (messages) => this.onUnsent(messages),
      reportError: (error) => this.onFailure(error),
    });
  }

  // --- state -----------------------------------------------------------------------------------------------------

  get threadId(): string | null {
    return this.state.thread.id;
  }

  /** The server keeps answering, and numbers its events, whether or not anybody listens. */
  private get isDurable(): boolean {
    return this.host.settings.resumeUrl !== null;
  }

  /** Closing the conversation now would cut off a request, an answer, or a message that waits. */
  get isBusyInBackground(): boolean {
    return !this.isClosed && (this.answers.isBusy || this.unsent.isWaiting);
  }

  /** Resolves when no turn is being written, or nobody sees it any more. */
  whenIdle(): Promise<void> {
    if (this.state.turn === null || this.isClosed) return Promise.resolve();
    return new Promise((resolve) => this.whenIdleWaiting.push(resolve));
  }

  /** Does what a widget asks for. Resolves when it is done; never raises. */
  performAction(action: WidgetAction, item: WidgetItem): Promise<void> {
    const host: WidgetActionHost = {
      thread: () => this.state.thread,
      updateThread: (change) => this.updateThread(change),
      sendAction: (sent, itemId) => this.requests.customAction(sent, itemId),
      sendSyncAction: (params) => this.answers.syncAction(params),
      whenIdle: () => this.whenIdle(),
      onAction: () => this.host.onWidgetAction(),
      onFailed: (error) => this.onRefusal(error),
    };
    return performWidgetAction(host, action, item);
  }

  update(patch: Partial<ConversationState>): void {
    if (this.isClosed) return;
    this.state = { ...this.state, ...patch };
    if (this.state.turn === null) for (const resolve of this.whenIdleWaiting.splice(0)) resolve();
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
    this.isClosed = true;
    for (const resolve of this.whenIdleWaiting.splice(0)) resolve();
    this.storedTurns.close();
    this.stream.close();
    this.answers.abort();
  }

  // --- loading ---------------------------------------------------------------------------------------------------

  /** The first load, after which the conversation goes on where it stood. Raises what the request raised. */
  async load(): Promise<void> {
    await this.loading.load();
    this.restoreUnsent();
    this.openStream();
    const { thread, turn } = this.state;
    const call = pendingToolCall(thread.items);
    const canAnswer = this.host.canRunClientTools && thread.status.type === "active" && turn === null;
    if (canAnswer && call) void this.answerTool(call, false);
  }

  async reload(): Promise<void> {
    await this.loading.reload();
  }

  async loadOlder(): Promise<void> {
    await this.loading.loadOlder();
  }

  private onLoaded({ thread, page, resumeFrom, activeRun }: LoadedThread, isFirstLoad: boolean): void {
    void this.storedTurns.read();
    const before = new Set(this.state.thread.items.map((item) => item.id));
    this.stream.restartAt(resumeFrom);
    this.updateThread((now) => withLoaded(now, thread, page));
    // A message of ours that came with the load is not told on the stream as well: it would be shown twice.
    for (const item of page.items) if (item.type === "user_message" && !before.has(item.id)) this.unsent.onShown(item);
    if (!this.isDurable) return;
    const { turn } = this.state;
    // The page that asked may be gone, so whoever opens the thread answers the client tool that its run may end with.
    const isOwn = isFirstLoad || (activeRun !== null && this.currentTurn.isOwn(activeRun));
    if (activeRun && !turn) this.currentTurn.begin(isOwn ? "own" : "remote", activeRun);
    else if (!activeRun && turn && turn.runId !== null) this.currentTurn.onRunEnded(turn.runId);
  }

  /** Reports why a request for this thread failed, and asks whether there still is such a thread. */
  private onFailure(error: Error): void {
    this.host.reportError(error);
    const { threadId } = this;
    if (!threadId || !isNotFound(error)) return;
    this.host.client.threadById(threadId).catch((reason: unknown) => {
      if (isNotFound(reason)) this.markGone();
    });
  }

  /** Shown without "Try again", which would have the last message answered again: the person can repeat what was refused. */
  private onRefusal(error: Error): void {
    this.onFailure(error);
    this.notify({ level: "danger", ...failureOf(error), canRetry: false });
  }

  /** The thread was deleted: nothing can be asked of it any more. What the person typed for it stays. */
  markGone(): void {
    this.stream.close();
    this.answers.abort();
    this.update({ isGone: true });
    this.currentTurn.end();
  }

  // --- what the server sends -------------------------------------------------------------------------------------

  openStream(): void {
    if (this.threadId && !this.isClosed && !this.state.isGone) this.stream.open(this.threadId);
  }

  closeStream(): void {
    this.stream.close();
  }

  /** The page woke up, or is online again. */
  onPageAwake(): void {
    this.stream.wake();
    if (!this.state.isLoading && !this.state.loadError) this.openStream();
    void this.unsent.flush();
  }

  private streamListener(): StreamListener {
    return {
      onEvent: (event, frameId) => this.onEvent(event, frameId),
      onRun: (run) => this.currentTurn.onRun(run),
      onDeleted: () => this.markGone(),
      onOther: (name, data) => this.host.emit("chatkit.log", { name: `stream.${name}`, data }),
      onGap: () => void this.loading.reloadAfterGap(),
      onOpen: () => {
        this.update({ isReconnecting: false });
        // This stream carries the rest of every answer. A request without an answer goes on: it may not have arrived.
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
      isAsked: () => pendingItem(this.state.thread.items) !== null,
      openStream: () => this.openStream(),
      onFrame: (frame) => this.stream.onAnswerFrame(frame),
      onBadFrame: (error) => {
        this.host.reportError(error as Error);
        this.loading.markStale();
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
    this.updateThread((thread) => reduceThread(thread, event));
    switch (event.type) {
      case "thread.created":
        this.stream.restartAt(frameId);
        this.host.storage.writeUnsentOfNew([], (key) => this.unsent.knows(key));
        this.onUnsent(this.state.unsent); // stored under the thread's id from now on
        this.host.onThreadCreated(this);
        this.openStream();
        break;
      case "thread.item.removed": // another branch is shown
        this.storedTurns.readSoon();
        break;
      case "thread.item.done":
        if (event.item.type === "user_message") this.unsent.onShown(event.item);
        break;
      case "client_effect":
        this.host.emit("chatkit.effect", { name: event.name, data: event.data ?? {} });
        break;
      case "error":
        this.currentTurn.onError();
        this.host.reportError(new Error(event.message ?? event.code ?? "error"));
        break;
    }
  }

  // --- turns -----------------------------------------------------------------------------------------------------

  private turnListener(): TurnListener {
    return {
      onTurn: (turn) => this.update({ turn }),
      onTurnBegun: () => {
        if (this.isClosed) return; // nobody sees it
        this.updateThread((thread) => ({ ...thread, allowCancel: true, notices: [] }));
        this.host.emit("chatkit.response.start");
      },
      onTurnEnded: (turn) => this.onTurnEnded(turn),
      onRunFailed: (code, isExplained) => {
        if (!isExplained) this.notify({ level: "danger", message: "", code, canRetry: true, isOfTurn: true });
        if (code === "model_answer_cut_off") this.updateThread(offerToContinue);
      },
      onRunBroken: () => void this.storedTurns.read(),
      onRunRestarted: () => this.updateThread(dropUnfinished),
    };
  }

  private onTurnEnded(turn: Turn): void {
    if (this.isClosed) return;
    this.updateThread(endTurn);
    this.host.emit("chatkit.response.end");
    if (this.state.storedTurns.length > 0) void this.storedTurns.read();
    this.loading.reloadIfStale();
    const call = pendingToolCall(this.state.thread.items);
    if (turn.origin === "own" && !turn.isStopping && call) void this.answerTool(call, true);
    else void this.unsent.flush();
  }

  async stop(): Promise<void> {
    await stopCurrentTurn({
      client: this.host.client,
      stopUrl: this.host.settings.stopUrl,
      currentTurn: () => this.state.turn,
      setStopping: (turnKey, isStopping) => this.currentTurn.setStopping(turnKey, isStopping),
      hangUp: () => {
        this.answers.abort();
        this.currentTurn.end();
      },
      onRefused: (error) => {
        this.host.reportError(error);
        this.notify({ level: "danger", message: "", code: "stop_failed", canRetry: false });
      },
      onUnconfirmed: () => this.reload(),
    });
  }

  private storedAddress(): string | null {
    const { conversationUrl } = this.host.settings;
    if (conversationUrl === null || this.threadId === null || this.isClosed) return null;
    return fillTemplate(conversationUrl, { thread_id: this.threadId });
  }

  private onStoredTurns(turns: readonly StoredTurn[]): void {
    // A stored turn that failed says why: the notice that said so while it was read would say it twice.
    const isExplained = turns.at(-1)?.status === "failed";
    this.update({ storedTurns: turns, ...(isExplained && { thread: dropNoticesOfTurns(this.state.thread) }) });
  }

  /** Shows the branch that a run is on. The stream brings its items; without a stream they are loaded. */
  async switchBranch(runId: string): Promise<void> {
    if (this.storedAddress() === null || this.state.turn) return;
    try {
      await this.storedTurns.switchTo(runId);
      if (this.stream.isOpen) this.storedTurns.readSoon();
      else await this.reload();
    } catch (error) {
      this.onRefusal(error as Error);
    }
  }

  /** Runs a client tool that the server waits for. Never raises: a failure is reported, and shown. */
  private async answerTool(call: ClientToolCallItem, isNew: boolean): Promise<void> {
    const submit = (result: unknown) => {
      this.updateThread((thread) => completeToolCall(thread, call.id, result));
      return this.requests.ask({ type: "threads.add_client_tool_output", params: { thread_id: call.thread_id, result } });
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

  // --- messages that are not delivered yet -----------------------------------------------------------------------

  /** Offers what an earlier page could not deliver, without what another conversation of this page is sending. */
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
