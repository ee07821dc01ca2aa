/** Requests of this tab that the server answers with a turn: sending them, and reading their answers. */

import type { Settings } from "../options/settings";
import type { ActionParams, ChatKitClient, StreamingRequest } from "../protocol/client";
import { ChatKitRequestError, isAbort } from "../protocol/errors";
import { ResumingStream } from "../protocol/resuming-stream";
import { type FrameHandlers, readFrames } from "../protocol/sse";
import type { ThreadItem } from "../protocol/types";
import { deliver } from "./repeating";
import type { CurrentTurn } from "./current-turn";

/** The answer to a new conversation's first message counts as lost after so many failures to open its stream again. */
const ANSWER_FAILURES_MAX = 6;

/** What is needed of the element. */
export interface AnswerHost {
  readonly client: ChatKitClient;
  readonly settings: Settings;
  isOnline(): boolean;
}

/** What is needed of the conversation. Its own stream, as soon as it is open, carries every answer. */
export interface AnswerReader extends Pick<FrameHandlers, "onFrame" | "onBadFrame"> {
  /** The conversation's stream is not open, so an answer has to be read from its own response. */
  isNeeded(): boolean;
  hasThread(): boolean;
  /** The thread's last turn waits for the person, or for a tool of the page. */
  isAsked(): boolean;
  /** Opens the conversation's stream. */
  openStream(): void;
  onLost(error: Error): void;
}

export class Answers {
  /** Requests that the server has not answered yet. */
  private readonly requests = new Set<AbortController>();
  /** Answers whose bodies are being read. */
  private readonly reading = new Set<AbortController>();

  constructor(
    private readonly host: AnswerHost,
    private readonly currentTurn: CurrentTurn,
    private readonly reader: AnswerReader,
  ) {}

  private get isDurable(): boolean {
    return this.host.settings.resumeUrl !== null;
  }

  get isBusy(): boolean {
    return this.requests.size > 0 || this.reading.size > 0;
  }

  /** Aborts the requests, and the answers that are being read. */
  abort(): void {
    for (const request of this.requests) request.abort();
    this.stopReading();
  }

  /** Stops reading answers: the conversation's stream carries them from here on. */
  stopReading(): void {
    for (const answer of this.reading) answer.abort();
    this.reading.clear();
  }

  /**
   * Sends the request; resolves once the server accepted it. Its answer is read in the background. If no turn is being
   * written, the answer's turn begins now, else when the server reports that its run started.
   *
   * Raises ChatKitRequestError if it was not accepted.
   */
  async request(request: StreamingRequest, idempotencyKey: string): Promise<void> {
    const controller = new AbortController();
    this.requests.add(controller);
    const turn = this.currentTurn.beginOwn();
    try {
      const response = await this.post(request, idempotencyKey, controller.signal);
      const runId = runIdOf(response.url);
      if (runId) this.currentTurn.nameOwn(runId, turn);
      if (this.reader.isNeeded()) this.read(response, controller, runId, turn);
      else controller.abort();
    } catch (error) {
      if (turn !== null) this.currentTurn.end(turn);
      throw error;
    } finally {
      this.requests.delete(controller);
    }
  }

  private post(request: StreamingRequest, key: string, signal: AbortSignal): Promise<Response> {
    const edited: Record<string, string> = "editedId" in request && request.editedId ? { "Natter-Edit": request.editedId } : {};
    return this.deliver(key, signal, (headers) => this.host.client.stream(request, { ...headers, ...edited }, signal));
  }

  /** Asks for an action whose end the server waits for. Raises ChatKitRequestError. */
  async syncAction(params: ActionParams): Promise<ThreadItem | null> {
    const controller = new AbortController();
    this.requests.add(controller);
    const { signal } = controller;
    try {
      return await this.deliver(crypto.randomUUID(), signal, (headers) => this.host.client.syncAction(params, headers, signal));
    } finally {
      this.requests.delete(controller);
    }
  }

  private deliver<T>(key: string, signal: AbortSignal, send: (headers: Record<string, string>) => Promise<T>): Promise<T> {
    const { settings } = this.host;
    const named: Record<string, string> = settings.assistant === null ? {} : { "Natter-Assistant": settings.assistant };
    // A server without idempotency keys would take a second try for a second message.
    if (!this.isDurable) return send(named);
    const headers: Record<string, string> = {
      ...named,
      "Idempotency-Key": key,
      "Natter-On-Busy": settings.onBusy ?? "enqueue",
      "Natter-Time-Zone": Intl.DateTimeFormat().resolvedOptions().timeZone,
    };
    return deliver(() => send(headers), () => this.host.isOnline(), signal);
  }

  private read(response: Response, controller: AbortController, runId: string | null, turn: number | null): void {
    this.reading.add(controller);
    const end = (error: Error | null) => {
      this.reading.delete(controller);
      if (error === null && runId !== null && this.reader.isAsked()) this.currentTurn.onRunWaiting(runId);
      else if (error === null && runId !== null) this.currentTurn.onRunEnded(runId);
      // The connection was lost: the conversation's stream carries the rest of the answer.
      else if (error !== null && this.isDurable && this.reader.hasThread()) this.reader.openStream();
      else {
        if (turn !== null) this.currentTurn.end(turn);
        if (error !== null && !isAbort(error)) this.reader.onLost(error);
      }
    };
    if (this.isDurable && runId !== null) this.readRun(response, controller.signal, end);
    else if (response.body) readFrames(response.body, this.reader).then(() => end(null), end);
    else end(null);
  }

  /** Reads the run's own stream, over lost connections: a new conversation has no other one until its id is known. */
  private readRun(first: Response, signal: AbortSignal, end: (error: Error | null) => void): void {
    const { onFrame, onBadFrame, openStream } = this.reader;
    const stream = new ResumingStream({
      connect: (lastEventId, attempt) => this.host.client.openStream(first.url, lastEventId, attempt),
      first,
      onFrame,
      onBadFrame,
      onDown: openStream,
      onEnd: ({ type }) => end(type === "over" ? null : new ChatKitRequestError(0, "network", "The connection was lost.")),
      isSignInRenewed: true,
      failuresMax: ANSWER_FAILURES_MAX,
    });
    signal.addEventListener("abort", () => stream.close());
  }
}

/** A durable server redirects to the run's stream, so the address of the answer names the run. */
function runIdOf(url: string): string | null {
  const match = /\/runs\/([^/?#]+)\/stream/.exec(url);
  return match?.[1] ? decodeURIComponent(match[1]) : null;
}
