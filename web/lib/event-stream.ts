/**
 * One SSE stream that stays open: resumes by `Last-Event-ID`, notices half-open sockets, gives up only when refused.
 *
 * Not an `EventSource`: that cannot tell a heartbeat from silence, nor a 401 from a lost network.
 */
import { createParser, type EventSourceMessage } from "eventsource-parser";

export type StreamOptions = Readonly<{
  url: string;
  onEvent: (event: EventSourceMessage) => void;
  /** The stream is open, for the first time or again: whatever was missed has to be asked for. */
  onOpen: () => void;
  /** The server will not have us (a status from 400 to 499, but 429): it is not tried again. */
  onRefused: (status: number) => void;
}>;

/** The server sends a comment every 10 s: two of them missing means that nobody is there. */
const SILENCE_MILLISECONDS_MAX = 25_000;
const WATCHDOG_MILLISECONDS = 5_000;
const RETRY_MILLISECONDS = [250, 500, 1_000, 2_000, 4_000, 8_000] as const;
const NOTHING_THERE_RETRY_MILLISECONDS = 5_000;

/** Opens the stream; call the returned function to close it. */
export function openEventStream(options: StreamOptions): () => void {
  const stream = new EventStream(options);
  void stream.run();
  return () => stream.close();
}

class EventStream {
  private readonly closing = new AbortController();
  private attempt = new AbortController();
  private lastEventId = "";
  private failures = 0;
  private heardAtMilliseconds = 0;
  private skipWait: (() => void) | null = null;

  constructor(private readonly options: StreamOptions) {}

  close(): void {
    this.closing.abort();
    this.attempt.abort();
    this.skipWait?.();
  }

  async run(): Promise<void> {
    const watchdog = setInterval(() => this.dropIfSilent(), WATCHDOG_MILLISECONDS);
    const onOnline = () => this.skipWait?.();
    addEventListener("online", onOnline);
    try {
      while (!this.closing.signal.aborted) {
        const delayMilliseconds = await this.connectOnce();
        if (delayMilliseconds === null || this.closing.signal.aborted) return;
        await this.wait(delayMilliseconds);
      }
    } finally {
      clearInterval(watchdog);
      removeEventListener("online", onOnline);
    }
  }

  /** One connection, to its end. Returns after how long to try again, or null for never. */
  private async connectOnce(): Promise<number | null> {
    this.attempt = new AbortController();
    this.heardAtMilliseconds = Date.now();
    try {
      const headers: Record<string, string> = { accept: "text/event-stream" };
      if (this.lastEventId !== "") headers["last-event-id"] = this.lastEventId;
      const response = await fetch(this.options.url, { headers, cache: "no-store", signal: this.attempt.signal });
      if (response.status === 204) return NOTHING_THERE_RETRY_MILLISECONDS;
      if (!response.ok || response.body === null) return this.refusal(response);
      this.failures = 0;
      this.options.onOpen();
      await this.read(response.body);
    } catch {
      // The connection was lost, or we dropped it: both mean to try again.
    }
    return this.backoff();
  }

  private refusal(response: Response): number | null {
    const { status } = response;
    if (status >= 500) return this.backoff();
    if (status === 429) return Number(response.headers.get("retry-after") ?? 5) * 1_000;
    this.options.onRefused(status);
    return null;
  }

  private async read(body: ReadableStream<Uint8Array>): Promise<void> {
    const parser = createParser({
      onEvent: (event) => {
        if (event.id !== undefined) this.lastEventId = event.id;
        this.options.onEvent(event);
      },
    });
    const decoder = new TextDecoder();
    for (const reader = body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      this.heardAtMilliseconds = Date.now();
      parser.feed(decoder.decode(value, { stream: true }));
    }
  }

  private dropIfSilent(): void {
    if (Date.now() - this.heardAtMilliseconds > SILENCE_MILLISECONDS_MAX) this.attempt.abort();
  }

  private backoff(): number {
    const step = Math.min(this.failures++, RETRY_MILLISECONDS.length - 1);
    // Spread out, so that all who lost the same relay do not come back in the same instant.
    return (RETRY_MILLISECONDS[step] ?? 0) * (0.5 + Math.random());
  }

  private wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.skipWait = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
