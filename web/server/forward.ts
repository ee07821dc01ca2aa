/** Passes a request on to a service and its answer back, without waiting for the end of a stream. */
import { problem } from "./problem";
import { templateOf } from "./route-templates";
import { getTracing, type ServerSpan } from "./tracing";

/** Only these headers reach a service: no cookie, and none with which a browser could pose as a proxy. */
const REQUEST_HEADERS = [
  "accept",
  "accept-language",
  "content-type",
  "idempotency-key",
  "if-match",
  "if-none-match",
  "if-range",
  "last-event-id",
  "natter-assistant",
  "natter-on-busy",
  "natter-time-zone",
  "range",
  "traceparent",
  "tracestate",
  "user-agent",
] as const;

/** Not passed back: connection-level headers, and those that reveal the servers behind us. */
const DROPPED_RESPONSE_HEADERS = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "proxy-authenticate",
  "server",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "x-powered-by",
]);

const CONTENT_OF_A_FILE = /^\/api\/[^/]+\/attachments\/[^/]+\/content$/;
const BODY_BYTES_MAX = 4 * 1024 * 1024;
// The edge answers within 3 s even when the store is away; a stream's head comes at once.
const RESPONSE_HEAD_TIMEOUT_MILLISECONDS = 20_000;

/**
 * Sends the request to `serviceUrl` as `authorization` (null: as nobody); a service that does not answer gives a 503 problem.
 * Its span ends with the answer's head: a stream goes on for hours.
 */
export async function forward(request: Request, serviceUrl: string, authorization: string | null): Promise<Response> {
  const declaredBytes = Number(request.headers.get("content-length") ?? 0);
  if (declaredBytes > BODY_BYTES_MAX) return problem("payload_too_large");
  return traced(request, serviceUrl, authorization, RESPONSE_HEAD_TIMEOUT_MILLISECONDS);
}

/** The same for a file, in or out: as large as the service takes it, and for as long as the service allows. */
export async function forwardFile(request: Request, serviceUrl: string, authorization: string | null): Promise<Response> {
  return traced(request, serviceUrl, authorization, null);
}

async function traced(request: Request, serviceUrl: string, authorization: string | null, timeout: number | null): Promise<Response> {
  const span = getTracing()?.begin(request, templateOf(new URL(request.url).pathname));
  const answer = await send(request, serviceUrl, requestHeaders(request.headers, authorization, span), timeout);
  span?.end(answer.status);
  return answer;
}

async function send(request: Request, serviceUrl: string, headers: Headers, timeout: number | null): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const abort = new AbortController();
  // Of a stream as well: a service that knows how long a body is counts no more for it than it has.
  const declared = request.headers.get("content-length");
  if (request.body && declared !== null) headers.set("content-length", declared);
  const giveUp = timeout === null ? undefined : setTimeout(() => abort.abort(), timeout);
  request.signal.addEventListener("abort", () => abort.abort(), { once: true });
  try {
    const answer = await fetch(`${serviceUrl}${pathname}${search}`, {
      method: request.method,
      headers,
      body: request.body,
      redirect: "manual",
      cache: "no-store",
      signal: abort.signal,
      // Needed by Node for a streamed request body; the DOM's types do not know it.
      ...(request.body ? { duplex: "half" } : {}),
    });
    return new Response(answer.body, { status: answer.status, headers: responseHeaders(answer.headers, request.url) });
  } catch (error) {
    if (!request.signal.aborted) reportUnavailable(pathname, error);
    return problem("unavailable");
  } finally {
    clearTimeout(giveUp);
  }
}

function requestHeaders(incoming: Headers, authorization: string | null, span: ServerSpan | undefined): Headers {
  const headers = new Headers({ "accept-encoding": "identity" });
  if (authorization !== null) headers.set("authorization", authorization);
  for (const name of REQUEST_HEADERS) {
    const value = incoming.get(name);
    if (value !== null) headers.set(name, value);
  }
  for (const [name, value] of Object.entries(span?.headers ?? {})) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
  return headers;
}

function responseHeaders(answered: Headers, requestUrl: string): Headers {
  const headers = new Headers();
  for (const [name, value] of answered) {
    const isOurs = DROPPED_RESPONSE_HEADERS.has(name) || name.startsWith("x-middleware-") || name.startsWith("x-nextjs-");
    if (!isOurs) headers.append(name, value);
  }
  const location = answered.get("location");
  // A file may lie elsewhere, at an address that the service has signed for whoever asks.
  const isElsewhere = location !== null && CONTENT_OF_A_FILE.test(new URL(requestUrl).pathname);
  if (location !== null) headers.set("location", isElsewhere ? location : onThisOrigin(location, requestUrl));
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  return headers;
}

/** Turns a redirect to a service's own host into one to our origin, the only one that the browser can reach. */
function onThisOrigin(location: string, requestUrl: string): string {
  const { pathname, search } = new URL(location, requestUrl);
  // Absolute, because Next takes no other here; it makes it relative again on its way out.
  return new URL(`${pathname}${search}`, requestUrl).toString();
}

function reportUnavailable(pathname: string, error: unknown): void {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  console.error(JSON.stringify({ event: "service.unavailable", path: pathname, error: String(cause) }));
}
