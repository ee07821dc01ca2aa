/** Keeps one event stream open: reconnects, notices half-open sockets, resumes where it stopped. */

import { type ChatKitClient, readFrames } from "../protocol/client";
import { ChatKitRequestError, isAbort } from "../protocol/errors";
import type { SseFrame } from "../protocol/sse";

/** The server sends a comment every 10 s. A stream silent for longer than two of them is dead. */
export const SILENCE_MAX_MS = 25_000;
/** After the page was hidden or offline we do not wait that long: one missed heartbeat is enough. */
const SILENCE_AFTER_WAKE_MAX_MS = 12_000;
const WATCHDOG_INTERVAL_MS = 5_000;
const RETRY_DELAYS_MS = [100, 250, 500, 1_000, 2_000, 4_000, 8_000] as const;

export interface LiveStreamOptions {
  client: ChatKitClient;
  /** The address to open; called for every connection, because the position moves on. */
  url: () => string;
  onFrame: (frame: SseFrame) => void;
  onOpen: () => void;
  onDown: () => void;
  /** It will not be retried: the server said that there is nothing (more) for us. */
  onEnd: (reason: ChatKitRequestError | null) => void;
}

export class LiveStream {
  isOpen = false;
  private isStopped = false;
  private failures = 0;
  private lastBytesAtMs = 0;
  private attempt: AbortController | null = null;
  private wake: (() => void) | null = null;
  private readonly watchdog: ReturnType<typeof setInterval>;

  constructor(private readonly options: LiveStreamOptions) {
    this.watchdog = setInterval(() => this.dropIfSilent(SILENCE_MAX_MS), WATCHDOG_INTERVAL_MS);
    void this.run();
  }

  stop(): void {
    this.isStopped = true;
    this.isOpen = false;
    clearInterval(this.watchdog);
    this.attempt?.abort();
    this.wake?.();
  }

  /** The page woke up or is online again: do not wait for timers that slept as well. */
  poke(): void {
    this.wake?.();
    this.dropIfSilent(SILENCE_AFTER_WAKE_MAX_MS);
  }

  private dropIfSilent(limitMs: number): void {
    if (this.isOpen && Date.now() - this.lastBytesAtMs > limitMs) this.attempt?.abort();
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      const outcome = await this.connectOnce();
      if (this.isStopped) return;
      if (this.isOpen) {
        this.isOpen = false;
        this.options.onDown();
      }
      if (outcome.end) {
        this.stop();
        this.options.onEnd(outcome.error);
        return;
      }
      await this.pause(outcome.error?.retryAfterSeconds ?? null);
    }
  }

  private async connectOnce(): Promise<{ end: boolean; error: ChatKitRequestError | null }> {
    const attempt = new AbortController();
    this.attempt = attempt;
    try {
      const response = await this.options.client.request(this.options.url(), {
        headers: { Accept: "text/event-stream" },
        cache: "no-store",
        signal: attempt.signal,
      });
      if (response.status === 204) return { end: true, error: null };
      this.isOpen = true;
      this.touch();
      this.options.onOpen();
      await readFrames(response, (frame) => this.pass(frame), () => this.touch());
      return { end: false, error: null };
    } catch (error) {
      if (isAbort(error)) return { end: false, error: null };
      if (!(error instanceof ChatKitRequestError)) throw error;
      return { end: !error.isTransient, error };
    }
  }

  /** What is left of a chunk after `stop` is of a conversation that is loaded anew, or left. */
  private pass(frame: SseFrame): void {
    if (!this.isStopped) this.options.onFrame(frame);
  }

  private touch(): void {
    this.lastBytesAtMs = Date.now();
    this.failures = 0;
  }

  private pause(seconds: number | null): Promise<void> {
    const base = RETRY_DELAYS_MS[Math.min(this.failures++, RETRY_DELAYS_MS.length - 1)] as number;
    // Spread out, or everybody who lost the same relay comes back in the same instant.
    const delayMs = seconds !== null ? seconds * 1_000 : base * (0.5 + Math.random());
    return new Promise((resolve) => {
      const timer = setTimeout(done, delayMs);
      const self = this;
      function done(): void {
        clearTimeout(timer);
        self.wake = null;
        resolve();
      }
      this.wake = done;
    });
  }
}
