/**
 * A `fetch` for ChatKit that makes a lost connection invisible.
 *
 * A send carries an `Idempotency-Key`, so that repeating it cannot say things twice. Its answer streams from the
 * run's own address (the request was redirected there): where the stream breaks, it is opened again behind the
 * last event that was passed on, and the caller reads one unbroken body.
 */
import { SseFrames, type SseFrame } from "./sse-frames";

export type ResumableFetchOptions = Readonly<{
  fetch: typeof globalThis.fetch;
  /** Resolves after so many milliseconds, or earlier when trying again promises more. */
  wait: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
  /** Called when the session is over. */
  onSignedOut: () => void;
}>;

const STREAMING_OPERATIONS = new Set([
  "threads.create",
  "threads.add_user_message",
  "threads.add_client_tool_output",
  "threads.add_structured_input",
  "threads.retry_after_item",
  "threads.custom_action",
]);

const SEND_RETRY_MILLISECONDS = [300, 900, 2_000] as const;
const RESUME_RETRY_MILLISECONDS = [100, 250, 500, 1_000, 2_000, 4_000, 8_000] as const;
const RESUMES_WITHOUT_PROGRESS_MAX = 20;
/** The relay sends a comment every 10 s: a stream that is silent for longer than two of them is dead. */
const SILENCE_MILLISECONDS_MAX = 25_000;

export function createResumableFetch(options: ResumableFetchOptions): typeof globalThis.fetch {
  return async (input, init) => {
    if (!isStreamingOperation(init)) return checked(await options.fetch(input, init), options);
    const headers = new Headers(init?.headers);
    if (!headers.has("idempotency-key")) headers.set("idempotency-key", newIdempotencyKey());
    const response = checked(await send(input, { ...init, headers }, options), options);
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
    // Only a run's own address can be asked again; any other stream would start from scratch.
    if (!response.ok || !response.redirected || !isStream || response.body === null) return response;
    const body = new ResumedBody(response, init?.signal ?? undefined, options).stream();
    const resumed = new Response(body, { status: response.status, headers: response.headers });
    // A constructed response has no address, and whoever gets it may want to know the run's.
    Object.defineProperty(resumed, "url", { value: response.url });
    return resumed;
  };
}

function checked(response: Response, options: ResumableFetchOptions): Response {
  if (response.status === 401) options.onSignedOut();
  return response;
}

function isStreamingOperation(init: RequestInit | undefined): boolean {
  if (init?.method !== "POST" || typeof init.body !== "string") return false;
  try {
    const { type } = JSON.parse(init.body) as { type?: unknown };
    return typeof type === "string" && STREAMING_OPERATIONS.has(type);
  } catch {
    return false;
  }
}

/** Not `crypto.randomUUID`, which plain http on a local network lacks. */
function newIdempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Sends until something answers: a lost answer to a request that did arrive is asked for again, by its key. */
async function send(input: RequestInfo | URL, init: RequestInit, options: ResumableFetchOptions): Promise<Response> {
  for (const delayMilliseconds of SEND_RETRY_MILLISECONDS) {
    try {
      const response = await options.fetch(input, init);
      if (response.status < 502 || response.status > 504) return response;
      await response.body?.cancel();
    } catch (error) {
      if (init.signal?.aborted) throw error;
    }
    await options.wait(delayMilliseconds, init.signal ?? undefined);
  }
  return options.fetch(input, init);
}

class ResumedBody {
  private lastEventId: string | null = null;
  private resumesWithoutProgress = 0;
  private isCancelled = false;
  private attempt = new AbortController();

  constructor(
    private readonly first: Response,
    private readonly signal: AbortSignal | undefined,
    private readonly options: ResumableFetchOptions,
  ) {}

  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      start: (controller) => void this.run(controller),
      cancel: () => {
        this.isCancelled = true;
        this.attempt.abort();
      },
    });
  }

  private async run(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.signal?.addEventListener("abort", () => this.attempt.abort(), { once: true });
    try {
      for (let response: Response | null = this.first; response !== null; response = await this.reopen()) {
        await this.passOn(response, controller).catch(() => undefined);
        if (this.isCancelled) return;
      }
      controller.close();
    } catch (error) {
      if (!this.isCancelled) controller.error(error);
    }
  }

  /** Passes whole frames on, each once. Raises when the connection breaks. */
  private async passOn(response: Response, controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const frames = new SseFrames();
    const reader = response.body?.getReader();
    if (reader === undefined) return;
    const onAbort = () => void reader.cancel().catch(() => undefined);
    this.attempt.signal.addEventListener("abort", onAbort, { once: true });
    try {
      for (;;) {
        const { done, value } = await withTimeout(reader.read(), SILENCE_MILLISECONDS_MAX);
        if (done) return;
        for (const frame of frames.push(value)) if (this.isNew(frame)) controller.enqueue(frame.bytes);
      }
    } finally {
      this.attempt.signal.removeEventListener("abort", onAbort);
      void reader.cancel().catch(() => undefined);
    }
  }

  private isNew(frame: SseFrame): boolean {
    if (frame.id === null) return true;
    if (this.lastEventId !== null && Number(frame.id) <= Number(this.lastEventId)) return false;
    this.lastEventId = frame.id;
    this.resumesWithoutProgress = 0;
    return true;
  }

  /** The next response of the same run, or null when there is nothing left of it. Raises when it is refused. */
  private async reopen(): Promise<Response | null> {
    while (this.resumesWithoutProgress < RESUMES_WITHOUT_PROGRESS_MAX) {
      this.signal?.throwIfAborted();
      if (this.isCancelled) return null;
      if (this.resumesWithoutProgress > 0) await this.options.wait(this.delayMilliseconds(), this.signal);
      this.resumesWithoutProgress += 1;
      const response = await this.open();
      if (response === null) continue;
      if (response.status === 204) return null;
      if (response.ok) return response;
      if (response.status < 500 && response.status !== 429) {
        throw new TypeError(`the answer cannot be resumed: ${checked(response, this.options).status}`);
      }
    }
    throw new TypeError("the connection was lost for too long");
  }

  private async open(): Promise<Response | null> {
    const headers: Record<string, string> = { accept: "text/event-stream" };
    if (this.lastEventId !== null) headers["last-event-id"] = this.lastEventId;
    try {
      const signal = this.signal ? { signal: this.signal } : {};
      return await this.options.fetch(this.first.url, { headers, cache: "no-store", ...signal });
    } catch {
      return null;
    }
  }

  private delayMilliseconds(): number {
    const step = Math.min(this.resumesWithoutProgress - 1, RESUME_RETRY_MILLISECONDS.length - 1);
    return RESUME_RETRY_MILLISECONDS[step] ?? 0;
  }
}

async function withTimeout<Value>(promise: Promise<Value>, milliseconds: number): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new TypeError("the stream is silent")), milliseconds);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}

/** Waits, but no longer than until the browser is online again. */
export function waitOrOnline(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      removeEventListener("online", finish);
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, milliseconds);
    addEventListener("online", finish);
    signal?.addEventListener("abort", finish);
  });
}
