/** One conversation: its state, what the server says about it, and the answer that is being written. */

import type { ChatKitClient } from "../protocol/client";
import type { SseFrame } from "../protocol/sse";
import type { ClientToolCallItem, RunFrame, ThreadEvent } from "../protocol/types";
import { fillTemplate, type Settings, withParameter } from "../options/settings";
import { type ConversationState, EMPTY_CONVERSATION } from "../state/app-state";
import { addNotice, reduceThread } from "../state/thread-reducer";
import type { Notice, ThreadState } from "../state/thread-state";
import { EMPTY_THREAD } from "../state/thread-state";
import { LiveStream } from "./live-stream";
import { Loader } from "./loader";
import { Outbox } from "./outbox";
import { SequenceGate } from "./sequence-gate";
import { stopTurn } from "./stop";
import type { TabStorage } from "./storage";
import { Turns } from "./turns";

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
  readonly loader = new Loader(this);
  readonly outbox = new Outbox(this);
  readonly turns = new Turns(this);
  readonly gate = new SequenceGate();
  /** Requests of ours that the server has not answered yet. */
  readonly requests = new Set<AbortController>();
  /** Answers to our own requests whose bodies are being read. */
  readonly answers = new Set<AbortController>();
  private live: LiveStream | null = null;
  private isOver = false;

  constructor(
    readonly host: ConversationHost,
    threadId: string | null,
  ) {
    this.state = { ...EMPTY_CONVERSATION, key: ++conversationCount, thread: { ...EMPTY_THREAD, id: threadId } };
  }

  get threadId(): string | null {
    return this.state.thread.id;
  }

  /** It was left for good: nothing of it is on screen any more. */
  get isClosed(): boolean {
    return this.isOver;
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
    return !this.isClosed && (this.requests.size > 0 || this.answers.size > 0 || this.outbox.hasWaiting);
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
    this.closeLive();
    this.abortAnswers();
  }

  /** Give up what was asked and what is being read. */
  abortAnswers(): void {
    for (const controller of [...this.requests, ...this.answers]) controller.abort();
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
    return position === null ? url : withParameter(url, "last_event_id", position);
  }

  /** From here on the stream carries what is being read. A request on its way is left alone: it may get lost. */
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
    if (frame.event === "run") this.turns.onRun(parse<RunFrame>(frame));
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
        this.turns.onError();
        this.host.reportError(new Error(event.message ?? event.code ?? "error"));
        break;
    }
  }

  stop(): void {
    void stopTurn(this);
  }
}

/** A frame that is not JSON is not for us; null. */
function parse<T>(frame: SseFrame): T | null {
  try {
    return JSON.parse(frame.data) as T;
  } catch {
    return null;
  }
}
