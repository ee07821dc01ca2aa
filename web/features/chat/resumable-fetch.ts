/**
 * A `fetch` for OpenAI's own element that makes a lost connection invisible. (Ours does that itself.)
 *
 * A send carries an `Idempotency-Key`, so that repeating it cannot say things twice. Its answer streams from the
 * run's own address (the request was redirected there): where the stream breaks, it is opened again behind the
 * last event that was passed on, and the caller reads one unbroken body.
 */
import { ResumingStream, type StreamEnd } from "@/chatkit-element/src/protocol/resuming-stream";
import type { SseFrame } from "@/chatkit-element/src/protocol/sse";

export type ResumableFetchOptions = Readonly<{
  fetch: typeof globalThis.fetch;
  /** Resolves after so many milliseconds, or earlier if the browser comes online. */
  wait: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
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
/** After so many failures in a row to reach the run's stream (about two minutes) the answer is broken off. */
const FAILURES_MAX = 20;

export function createResumableFetch(options: ResumableFetchOptions): typeof globalThis.fetch {
  return async (input, init) => {
    if (!isStreamingOperation(init)) return options.fetch(input, init);
    const headers = new Headers(init?.headers);
    if (!headers.has("idempotency-key")) headers.set("idempotency-key", newIdempotencyKey());
    const response = await send(input, { ...init, headers }, options);
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
    // Only a run's own address can be resumed; any other stream would start from scratch.
    if (!response.ok || !response.redirected || !isStream || response.body === null) return response;
    const body = resumedBody(response, init?.signal ?? undefined, options);
    const resumed = new Response(body, { status: response.status, headers: response.headers });
    // A constructed response has no address, but the caller may read the run's id from it.
    Object.defineProperty(resumed, "url", { value: response.url });
    return resumed;
  };
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

/** Sends until there is an answer. If the request arrived and its answer was lost, the key makes the server answer again. */
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

/** The answer as one body, over as many connections as it takes. */
function resumedBody(
  first: Response,
  signal: AbortSignal | undefined,
  options: ResumableFetchOptions,
): ReadableStream<Uint8Array> {
  let stream: ResumingStream | null = null;
  const connect = (lastEventId: string | null, attempt: AbortSignal) => {
    const headers = { accept: "text/event-stream", ...(lastEventId !== null && { "last-event-id": lastEventId }) };
    return options.fetch(first.url, { headers, cache: "no-store", signal: attempt });
  };
  const start = (body: ReadableStreamDefaultController<Uint8Array>) => {
    let shownTo = -1;
    const onFrame = (frame: SseFrame) => {
      if (frame.data === "" || (frame.id !== null && Number(frame.id) <= shownTo)) return;
      if (frame.id !== null) shownTo = Number(frame.id);
      body.enqueue(encoded(frame));
    };
    const onEnd = (end: StreamEnd) => {
      if (end.type === "over") body.close();
      else if (end.type === "lost") body.error(new TypeError("the connection was lost for too long"));
      else body.error(new TypeError(`the answer cannot be resumed: ${end.response.status}`));
    };
    const onBadFrame = (error: unknown) => body.error(error);
    stream = new ResumingStream({ connect, first, onFrame, onBadFrame, onEnd, failuresMax: FAILURES_MAX });
    signal?.addEventListener("abort", () => {
      stream?.close();
      body.error(signal.reason);
    });
  };
  return new ReadableStream({ start, cancel: () => stream?.close() });
}

function encoded({ id, event, data }: SseFrame): Uint8Array {
  const name = event === "message" ? "" : `event: ${event}\n`;
  return new TextEncoder().encode(`${id === null ? "" : `id: ${id}\n`}${name}data: ${data.replaceAll("\n", "\ndata: ")}\n\n`);
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

/** Adds headers to each call of `fetch`: the assistant that is written to, and the reader's time zone. */
export function tellingWhom(send: typeof globalThis.fetch, assistantId: () => string | null): typeof globalThis.fetch {
  return (input, init) => {
    if (init?.method?.toUpperCase() !== "POST") return send(input, init);
    const headers = new Headers(init.headers);
    const assistant = assistantId();
    if (assistant !== null) headers.set("Natter-Assistant", assistant);
    headers.set("Natter-Time-Zone", Intl.DateTimeFormat().resolvedOptions().timeZone);
    return send(input, { ...init, headers });
  };
}

/** Calls back when an answer of `fetch` says that the session is over. */
export function tellingSignOut(send: typeof globalThis.fetch, onSignedOut: () => void): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await send(input, init);
    if (response.status === 401) onSignedOut();
    return response;
  };
}
