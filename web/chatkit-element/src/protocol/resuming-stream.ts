/**
 * One event stream over any number of connections: it continues behind the last event, notices half-open sockets, and
 * ends only when the server says so. Every stream of the element and of the web app is read with it.
 *
 * Not an `EventSource`: that cannot tell a heartbeat from silence, nor a 401 from a lost network.
 */

import { type FrameHandlers, readFrames, type SseFrame } from "./sse";

/** The server sends a comment every 10 s: a stream that is silent for longer than two of them is dead. */
const SILENCE_MAX_MS = 25_000;
/** When the page wakes up, one missing comment is enough: its timers have slept as well. */
const SILENCE_AFTER_WAKE_MAX_MS = 12_000;
const WATCHDOG_INTERVAL_MS = 5_000;
const BACKOFF_MS = [100, 250, 500, 1_000, 2_000, 4_000, 8_000] as const;
/** However long the server asks us to stay away (`retry:`, `Retry-After`): a person is waiting. */
const WAIT_MAX_MS = 30_000;

/** Why a stream is not opened again: the server has nothing more (204), will not have us, or cannot be reached. */
export type StreamEnd = { type: "over" } | { type: "refused"; response: Response } | { type: "lost" };

export interface StreamOptions extends Pick<FrameHandlers, "onFrame" | "onBadFrame"> {
  /** Asks for what follows an event; null: from where the address says. What it raises counts as a lost connection. */
  connect: (lastEventId: string | null, signal: AbortSignal) => Promise<Response>;
  /** The first connection, where there is one already. */
  first?: Response;
  onOpen?: () => void;
  /** The connection was lost, or ended. */
  onDown?: () => void;
  onEnd: (end: StreamEnd) => void;
  /** A 401 passes: whoever connects signs in again by itself. */
  isSignInRenewed?: boolean;
  /** So many times in a row it may fail to connect before the stream is given up. */
  failuresMax?: number;
}

export class ResumingStream {
  isOpen = false;
  private isClosed = false;
  private first: Response | undefined;
  private lastEventId: string | null = null;
  private failures = 0;
  /** How long the server asked us to wait before the next connection. */
  private askedMs: number | null = null;
  private heardAtMs = 0;
  private connection = new AbortController();
  private skipWait = () => {};
  private readonly watchdog: ReturnType<typeof setInterval>;

  constructor(private readonly options: StreamOptions) {
    this.first = options.first;
    this.watchdog = setInterval(() => this.dropIfSilent(SILENCE_MAX_MS), WATCHDOG_INTERVAL_MS);
    addEventListener("online", this.wake);
    void this.run();
  }

  close(): void {
    this.finish();
    this.connection.abort();
    this.skipWait();
  }

  private finish(): void {
    this.isClosed = true;
    this.isOpen = false;
    clearInterval(this.watchdog);
    removeEventListener("online", this.wake);
  }

  /** The page woke up or is online again: timers that slept as well are not waited for. */
  readonly wake = (): void => {
    this.skipWait();
    this.dropIfSilent(SILENCE_AFTER_WAKE_MAX_MS);
  };

  private async run(): Promise<void> {
    const { onDown, onEnd, failuresMax = Infinity } = this.options;
    while (!this.isClosed) {
      const end = (await this.connectOnce()) ?? (this.failures >= failuresMax ? ({ type: "lost" } as const) : null);
      if (this.isClosed) return;
      if (this.isOpen) onDown?.();
      this.isOpen = false;
      if (end === null) await this.wait();
      else {
        this.finish(); // and not closed: what the server says of a refusal may still be read
        onEnd(end);
      }
    }
  }

  /** One connection, to its end. Returns null if another one is to follow. */
  private async connectOnce(): Promise<StreamEnd | null> {
    const { connect, isSignInRenewed } = this.options;
    this.connection = new AbortController();
    this.heardAtMs = Date.now();
    try {
      const response = this.first ?? (await connect(this.lastEventId, this.connection.signal));
      this.first = undefined;
      if (response.status === 204) return { type: "over" };
      this.askedMs = retryAfterMs(response);
      const mayPass = response.status >= 500 || response.status === 429 || (response.status === 401 && isSignInRenewed);
      if (response.ok && response.body !== null) await this.read(response.body);
      else if (mayPass) await response.body?.cancel();
      else return { type: "refused", response };
    } catch {
      // The connection was lost, or we dropped it: both mean to try again.
    }
    return null;
  }

  private async read(body: ReadableStream<Uint8Array>): Promise<void> {
    if (this.isClosed) return void (await body.cancel());
    this.isOpen = true;
    this.options.onOpen?.();
    let wasRetryLast = false;
    const onFrame = (frame: SseFrame) => {
      wasRetryLast = false;
      if (this.isClosed) return; // what is left of a chunk is for nobody
      this.lastEventId = frame.id ?? this.lastEventId;
      this.options.onFrame(frame);
    };
    const onRetry = (milliseconds: number) => {
      wasRetryLast = true;
      this.askedMs = milliseconds;
    };
    const onBytes = () => {
      this.heardAtMs = Date.now();
      this.failures = 0;
    };
    await readFrames(body, { onFrame, onRetry, onBytes, onBadFrame: this.options.onBadFrame }, this.connection.signal);
    // A server that ends a stream says `retry:` last if there is more to come. Else it is asked at once whether that was all.
    if (!wasRetryLast) this.askedMs = null;
  }

  private dropIfSilent(limitMs: number): void {
    if (Date.now() - this.heardAtMs > limitMs) this.connection.abort();
  }

  private wait(): Promise<void> {
    // The relay's `retry:` is spread out, so that all who lost it do not come back in the same instant; ours is, too.
    const backoffMs = (BACKOFF_MS[this.failures] ?? 8_000) * (0.5 + Math.random());
    const isFirst = this.failures++ === 0;
    const delayMs = isFirst && this.askedMs !== null ? this.askedMs : Math.max(this.askedMs ?? 0, backoffMs);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(delayMs, WAIT_MAX_MS));
      this.skipWait = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function retryAfterMs(response: Response): number | null {
  const seconds = Number(response.headers.get("Retry-After"));
  return seconds > 0 ? seconds * 1_000 : null;
}
