/**
 * One event stream over any number of connections: it continues behind the last event, notices half-open sockets, and
 * ends only when the server says so. Every stream of the element and of the web app is read with it.
 *
 * Not an `EventSource`: that cannot tell a heartbeat from silence, nor a 401 from a lost network.
 */

import { type FrameHandlers, readFrames, type SseFrame } from "./sse";

/** The server sends a comment every 10 s: a stream that is silent for longer than two of them is dead. */
const SILENCE_MAX_MS = 25_000;
/** A page that wakes up waits less long: its timers stood still while it slept, so more time has passed than they know. */
const SILENCE_AFTER_WAKE_MAX_MS = 12_000;
const WATCHDOG_INTERVAL_MS = 5_000;
const BACKOFF_MS = [100, 250, 500, 1_000, 2_000, 4_000, 8_000] as const;
/** The longest that we obey `retry:` and `Retry-After`: a person is waiting. */
const WAIT_MAX_MS = 30_000;

/** Why a stream is not opened again: the server has nothing more (204), refused the request, or cannot be reached. */
export type StreamEnd = { type: "over" } | { type: "refused"; response: Response } | { type: "lost" };

export interface StreamOptions extends Pick<FrameHandlers, "onFrame" | "onBadFrame"> {
  /** Requests what follows an event; null: what the address itself asks for. If it raises, the connection counts as lost. */
  connect: (lastEventId: string | null, signal: AbortSignal) => Promise<Response>;
  /** A connection that is open already, to be read first. */
  first?: Response;
  onOpen?: () => void;
  /** The connection was lost, or ended. */
  onDown?: () => void;
  onEnd: (end: StreamEnd) => void;
  /** `connect` gets a new token by itself, so a 401 is worth another try. */
  isSignInRenewed?: boolean;
  /** The stream is given up after so many failures to connect in a row. */
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

  /** The page woke up or is online again: checks the connection now, because timers stood still meanwhile. */
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
        this.finish(); // without closing: the body of a refusal may still be read
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
      // Whether the connection was lost or we dropped it, the next one is tried.
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
      if (this.isClosed) return; // nobody reads the rest of this chunk
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
    // A server that ends a stream before its end says `retry:` last. Without that, ask at once whether there is more.
    if (!wasRetryLast) this.askedMs = null;
  }

  private dropIfSilent(limitMs: number): void {
    if (Date.now() - this.heardAtMs > limitMs) this.connection.abort();
  }

  private wait(): Promise<void> {
    // Random, as the relay's `retry:` is, so that all viewers of a relay that died do not come back in the same instant.
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
