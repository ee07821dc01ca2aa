/** The conversation's own event stream. It carries every run, also those of other tabs; each event is passed on once. */

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
  /** A frame whose name we do not know. */
  onOther(name: string, data: unknown): void;
  /** Something is missing: all that is stored has to be loaded anew. */
  onGap(): void;
  onOpen(): void;
  onDown(): void;
  /** The server will not have us; with an error if it said why. */
  onEnd(refusal: Error | null): void;
  reportError(error: Error): void;
}

export class ConversationStream {
  private readonly gate = new SequenceGate();
  /** Ids of frames that could not be handled: they come again with every load, and are passed over. */
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

  /** Everything up to an id is known from elsewhere: from here on the stream counts. */
  restartAt(id: string | null): void {
    this.gate.restart(id);
  }

  /** A frame of the answer to a request of ours, whose events this stream has as well. */
  onAnswerFrame(frame: SseFrame): void {
    // An id alone stands for a frame that an answer leaves out (a run's end): it is still to come on this stream.
    if (frame.data === "" || frame.event !== "message") return;
    if (this.gate.passesFromAnswer(frame.id)) this.passOn(frame);
  }

  /** Not where the stream itself was last: a load may have gone further, and the mark behind stored items is no place. */
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

/** What is not JSON is not for us; null. */
function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
