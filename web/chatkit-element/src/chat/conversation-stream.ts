/** The conversation's own event stream. It carries every run, those of other tabs as well; each event is passed on once. */

import { fillTemplate, withParameter } from "../options/settings";
import type { ChatKitClient } from "../protocol/client";
import { errorFromResponse } from "../protocol/errors";
import { ResumingStream, type StreamEnd } from "../protocol/resuming-stream";
import type { SseFrame } from "../protocol/sse";
import type { RunFrame, ThreadEvent } from "../protocol/types";
import { SequenceGate } from "./sequence-gate";

export interface StreamListener {
  onEvent(event: ThreadEvent, frameId: string | null): void;
  onRun(run: RunFrame): void;
  /** The conversation is gone, whoever deleted it, and wherever. */
  onDeleted(): void;
  /** A frame whose name we do not know. */
  onOther(name: string, data: unknown): void;
  /** Events are missing: the thread has to be loaded again. */
  onGap(): void;
  onOpen(): void;
  onDown(): void;
  /** The server has nothing more (null), or refused the request. */
  onEnd(refusal: Error | null): void;
  reportError(error: Error): void;
}

export class ConversationStream {
  private readonly gate = new SequenceGate();
  /** Ids of frames that could not be handled. They come again after every load, and are skipped then. */
  private readonly badFrames = new Set<string>();
  private stream: ResumingStream | null = null;

  /** @param template the address, with `{thread_id}`. */
  constructor(
    private readonly client: ChatKitClient,
    private readonly template: string | null,
    private readonly listener: StreamListener,
  ) {}

  get isOpen(): boolean {
    return this.stream?.isOpen ?? false;
  }

  /** Does nothing if it is open, or opening. */
  open(threadId: string): void {
    const { listener, template } = this;
    if (this.stream || template === null) return;
    this.stream = new ResumingStream({
      connect: (_lastEventId, signal) => this.client.openStream(this.address(template, threadId), null, signal),
      isSignInRenewed: true,
      onFrame: (frame) => this.onFrame(frame),
      onBadFrame: (error, frame) => this.onBadFrame(error, frame),
      onOpen: () => listener.onOpen(),
      onDown: () => listener.onDown(),
      onEnd: (end) => void this.onEnd(end),
    });
  }

  close(): void {
    this.stream?.close();
    this.stream = null;
  }

  wake(): void {
    this.stream?.wake();
  }

  /** A load has everything up to an id; the stream's events count from there on. */
  restartAt(id: string | null): void {
    this.gate.restart(id);
  }

  /** Takes a frame of an answer that is read from its own response: this stream carries the same events. */
  onAnswerFrame(frame: SseFrame): void {
    // An id alone stands for a frame that the response leaves out (a run's end): this stream will still bring it.
    if (frame.data === "" || frame.event !== "message") return;
    if (this.gate.passesFromAnswer(frame.id)) this.passOn(frame);
  }

  /** Resumes at the gate's position rather than at the last event's id: a load may have read further than the stream. */
  private address(template: string, threadId: string): string {
    const url = fillTemplate(template, { thread_id: threadId });
    const { position } = this.gate;
    return position === null ? url : withParameter(url, "last_event_id", position);
  }

  private onFrame(frame: SseFrame): void {
    if (frame.event === "reset") this.listener.onGap();
    else if (this.gate.passesFromConversation(frame.id)) this.passOn(frame);
  }

  private passOn(frame: SseFrame): void {
    if (frame.id !== null && this.badFrames.has(frame.id)) return;
    const data = parse(frame.data);
    if (frame.event === "run") {
      if (data) this.listener.onRun(data as RunFrame);
    } else if (frame.event === "conversation") {
      if ((data as { type?: string } | null)?.type === "conversation.deleted") this.listener.onDeleted();
    } else if (frame.event !== "message") this.listener.onOther(frame.event, data ?? {});
    else if (typeof (data as ThreadEvent | null)?.type === "string") this.listener.onEvent(data as ThreadEvent, frame.id);
  }

  private onBadFrame(error: unknown, frame: SseFrame): void {
    this.listener.reportError(error as Error);
    if (frame.id !== null) this.badFrames.add(frame.id);
    this.listener.onGap();
  }

  private async onEnd(end: StreamEnd): Promise<void> {
    this.stream = null;
    this.listener.onEnd(end.type === "refused" ? await errorFromResponse(end.response) : null);
  }
}

/** Null for what is not JSON: such a frame is ignored. */
function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
