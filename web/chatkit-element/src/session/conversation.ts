/** One conversation: its state, what the server says about it, and the answer that is being written. */

import type { ChatKitClient } from "../protocol/client";
import type { SseFrame } from "../protocol/sse";
import type { ClientToolCallItem, RunFrame, ThreadEvent, ThreadItem } from "../protocol/types";
import { fillTemplate, type Settings } from "../options/settings";
import { type ConversationState, EMPTY_CONVERSATION, type Turn } from "../state/app-state";
import { addNotice, dropUnfinished, endTurn, reduceThread } from "../state/thread-reducer";
import type { Notice, ThreadState } from "../state/thread-state";
import { EMPTY_THREAD } from "../state/thread-state";
import { LiveStream } from "./live-stream";
import { Loader } from "./loader";
import { Outbox } from "./outbox";
import { SequenceGate } from "./sequence-gate";
import { stopTurn } from "./stop";
import type { TabStorage } from "./storage";

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
  runClientTool(call: ClientToolCallItem): Promise<unknown>;
}

let conversationCount = 0;

export class Conversation {
  state: ConversationState;
  readonly loader: Loader;
  readonly outbox: Outbox;
  readonly gate = new SequenceGate();
  /** Answers to our own requests whose bodies are being read. */
  readonly answers = new Set<AbortController>();
  readonly ownRuns = new Set<string>();
  private readonly endedRuns = new Set<string>();
  private live: LiveStream | null = null;
  private isClosed = false;

  constructor(
    readonly host: ConversationHost,
    threadId: string | null,
  ) {
    this.state = { ...EMPTY_CONVERSATION, key: ++conversationCount, thread: { ...EMPTY_THREAD, id: threadId } };
    this.loader = new Loader(this);
    this.outbox = new Outbox(this);
  }

  get threadId(): string | null {
    return this.state.thread.id;
  }

  get isDurable(): boolean {
    return this.host.settings.resumeUrl !== null;
  }

  /** The conversation's own stream is open and carries every run: answers to requests need not be read. */
  get isLive(): boolean {
    return this.live?.isOpen ?? false;
  }

  /** There is something that leaving the conversation must not cut off. */
  get isBusyInBackground(): boolean {
    return !this.isClosed && (this.answers.size > 0 || this.outbox.hasWaiting);
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
    this.isClosed = true;
    this.closeLive();
    for (const answer of this.answers) answer.abort();
    this.outbox.close();
  }

  // --- the conversation's stream ---------------------------------------------------------------------------------

  openLive(): void {
    const { resumeUrl } = this.host.settings;
    if (this.live || !resumeUrl || !this.threadId || this.isClosed) return;
    this.live = new LiveStream({
      client: this.host.client,
      url: () => this.liveUrl(resumeUrl),
      onFrame: (frame) => this.onLiveFrame(frame),
      onOpen: () => this.onLiveOpen(),
      onDown: () => this.update({ isReconnecting: true }),
      onEnd: (error) => {
        this.live = null;
        this.update({ isReconnecting: false });
        if (error) this.host.reportError(error);
      },
    });
  }

  closeLive(): void {
    this.live?.stop();
    this.live = null;
  }

  /** The page woke up, or is online again. */
  poke(): void {
    this.live?.poke();
    if (this.threadId && !this.state.isLoading && !this.state.loadError) this.openLive();
    void this.outbox.flush();
  }

  private liveUrl(template: string): string {
    const url = fillTemplate(template, { thread_id: this.threadId ?? "" });
    const position = this.gate.position;
    if (position === null) return url;
    return `${url}${url.includes("?") ? "&" : "?"}last_event_id=${position}`;
  }

  private onLiveOpen(): void {
    this.update({ isReconnecting: false });
    for (const answer of this.answers) answer.abort();
  }

  private onLiveFrame(frame: SseFrame): void {
    if (frame.event === "reset") {
      void this.loader.reloadAfterReset();
      return;
    }
    if (!this.gate.passesFromConversation(frame.id)) return;
    if (frame.event === "run") this.onRun(parse<RunFrame>(frame));
    else if (frame.event === "message") this.apply(parse<ThreadEvent>(frame), frame.id);
    else this.host.emit("chatkit.log", { name: `stream.${frame.event}`, data: parse(frame) ?? {} });
  }

  onAnswerFrame(frame: SseFrame): void {
    // An id alone stands for a frame that this stream leaves out (a run's end): it is still to come on the conversation's.
    if (frame.data === "") return;
    if (frame.event === "message" && this.gate.passesFromAnswer(frame.id)) this.apply(parse<ThreadEvent>(frame), frame.id);
  }

  // --- events ----------------------------------------------------------------------------------------------------

  private apply(event: ThreadEvent | null, frameId: string | null): void {
    if (!event || typeof event.type !== "string") return;
    const { turn } = this.state;
    // After Stop no new text appears; what the server stored arrives as a finished item.
    if (turn?.isStopping && (event.type === "thread.item.updated" || event.type === "progress_update")) return;
    this.updateThread((thread) => reduceThread(thread, event, Date.now()));
    switch (event.type) {
      case "thread.created":
        this.gate.restart(frameId);
        this.outbox.onThreadCreated();
        this.host.onThreadCreated(this);
        this.openLive();
        break;
      case "thread.item.done":
        if (event.item.type === "user_message") this.outbox.onShown(event.item);
        break;
      case "client_effect":
        this.host.emit("chatkit.effect", { name: event.name, data: event.data ?? {} });
        break;
      case "error":
        this.hadError = true;
        this.host.reportError(new Error(event.message ?? event.code ?? "error"));
        break;
    }
  }

  private hadError = false;

  private onRun(frame: RunFrame | null): void {
    if (!frame) return;
    const { run_id: runId } = frame;
    if (frame.type === "run.started") this.onRunStarted(runId);
    else if (frame.type === "run.restarted") this.updateThread(dropUnfinished);
    else if (frame.type === "run.completed" || frame.type === "run.failed" || frame.type === "run.cancelled") {
      if (frame.type === "run.failed" && this.isCurrent(runId) && !this.hadError)
        this.notify({ level: "danger", message: "", code: frame.code ?? "run_failed", canRetry: true });
      this.onRunEnded(runId);
    }
  }

  private onRunStarted(runId: string): void {
    if (this.endedRuns.has(runId)) return;
    const { turn } = this.state;
    if (turn && turn.runId !== null && turn.runId !== runId) this.endTurn();
    if (!this.state.turn) this.beginTurn(this.ownRuns.has(runId) ? "own" : "remote", runId);
    else this.setRun(runId);
  }

  onRunEnded(runId: string): void {
    // Two streams tell of an end: the later word must not end the next turn, whose run has no name yet.
    const isNews = !this.endedRuns.has(runId);
    this.endedRuns.add(runId);
    if (isNews && this.isCurrent(runId)) this.endTurn();
  }

  private isCurrent(runId: string): boolean {
    const { turn } = this.state;
    return turn !== null && (turn.runId === null || turn.runId === runId);
  }

  // --- turns -----------------------------------------------------------------------------------------------------

  beginTurn(origin: Turn["origin"], runId: string | null): void {
    this.hadError = false;
    this.update({ turn: { origin, runId, startedAtMs: Date.now(), isStopping: false } });
    this.updateThread((thread) => ({ ...thread, allowCancel: true, notices: [] }));
    this.host.emit("chatkit.response.start");
  }

  /** The server named the run that answers our request. */
  setRun(runId: string): void {
    if (this.endedRuns.has(runId)) this.endTurn();
    else if (this.state.turn) this.update({ turn: { ...this.state.turn, runId } });
  }

  endTurn(): void {
    const { turn } = this.state;
    if (!turn) return;
    this.update({ turn: null });
    this.updateThread(endTurn);
    this.host.emit("chatkit.response.end");
    const last = this.state.thread.items.at(-1);
    if (turn.origin === "own" && !turn.isStopping && isPendingToolCall(last)) void this.outbox.answerToolCall(last);
    else void this.outbox.flush();
  }

  stop(): void {
    void stopTurn(this);
  }
}

function isPendingToolCall(item: ThreadItem | undefined): item is ClientToolCallItem {
  return item?.type === "client_tool_call" && item.status === "pending";
}

/** A frame that is not JSON is not for us; null. */
function parse<T>(frame: SseFrame): T | null {
  try {
    return JSON.parse(frame.data) as T;
  } catch {
    return null;
  }
}
