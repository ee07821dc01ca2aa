/** What happens to every request before Next sees it. */
import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";

import { getSettings } from "./settings";

/** The client's address, for the rate limit. Always set by us: a client's own header of this name is overwritten. */
export const CLIENT_ADDRESS_HEADER = "x-natter-client-address";

const REQUEST_START = "http.server.request.start";
/** Anything else is 405: TRACE would show a page what its cookies are, and is an error that Next answers with 500. */
const METHODS: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/** As long as auth_edge waits for a body. Node itself waits five minutes, and looks every half minute. */
export const BODY_TIMEOUT_MILLISECONDS = 10_000;
/** The same for a file (UPLOAD_SECONDS_MAX): it goes past proxy.ts, and no faster than the line that it comes on. */
export const FILE_TIMEOUT_MILLISECONDS = 3_600_000;
const FILES = /^\/api\/[^/]+\/attachments(?:[/?]|$)/;

type Started = { request: IncomingMessage; response: ServerResponse; server: Server };

export function watchIncomingRequests(): void {
  const guarded = new WeakSet<Server>();
  subscribe(REQUEST_START, (message) => {
    const { request, response, server } = message as Started;
    if (!guarded.has(server)) {
      guarded.add(server);
      guardServer(server);
    }
    request.headers[CLIENT_ADDRESS_HEADER] = clientAddress(request, getSettings().trustsForwardedFor);
    endDrippedBody(request, response, bodyTimeout(request.url));
    ignoreClientAbort(request, response);
  });
}

/** Told before the server's listeners are called, so it holds from the first request on. */
export function guardServer(server: Server): void {
  const listeners = server.listeners("request") as RequestListener[];
  server.removeAllListeners("request");
  server.requestTimeout = FILE_TIMEOUT_MILLISECONDS; // Node's five minutes are for all requests alike
  server.on("request", (request, response) => {
    if (METHODS.includes(request.method ?? "")) {
      for (const listener of listeners) listener.call(server, request, response);
    } else {
      response.writeHead(405, { allow: METHODS.join(", "), connection: "close" }).end();
    }
  });
}

export function bodyTimeout(path: string | undefined): number {
  return FILES.test(path ?? "") ? FILE_TIMEOUT_MILLISECONDS : BODY_TIMEOUT_MILLISECONDS;
}

/** A body that is still coming after its time ends with its connection, with 408 where nothing was answered yet. */
export function endDrippedBody(
  request: IncomingMessage,
  response: ServerResponse,
  timeoutMilliseconds = BODY_TIMEOUT_MILLISECONDS,
): void {
  if (request.complete || !hasBody(request)) return;
  const giveUp = setTimeout(() => {
    if (request.complete) return;
    const { socket } = request;
    if (!response.headersSent) socket.write("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    socket.destroySoon();
  }, timeoutMilliseconds);
  for (const emitter of [request, response]) emitter.once("close", () => clearTimeout(giveUp));
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** Said at the start, because behind a proxy the limits per address would be one limit for everybody. */
export function sayWhoseAddressCounts(trustsForwardedFor: boolean, publicOrigin: string): void {
  const loopback = ["localhost", "127.0.0.1", "[::1]"];
  if (loopback.includes(new URL(publicOrigin).hostname)) return;
  const told = trustsForwardedFor
    ? { event: "client_address.from_proxy", detail: "X-Forwarded-For is believed: let nobody reach this port but your proxy" }
    : {
        event: "client_address.of_socket",
        detail:
          "limits count the address of the connection: behind a reverse proxy all people share one limit of" +
          " sign-ins, until NATTER_TRUST_FORWARDED_FOR=1 is set",
      };
  console.warn(JSON.stringify(told));
}

/** The peer of the socket; behind a proxy of our own, the address which that proxy has added last. */
export function clientAddress(request: Pick<IncomingMessage, "headers" | "socket">, trustsForwardedFor: boolean): string {
  const forwarded = request.headers["x-forwarded-for"];
  const added = trustsForwardedFor ? String(forwarded ?? "").split(",").at(-1)?.trim() : "";
  return added || (request.socket.remoteAddress ?? "");
}

/**
 * Next swaps the internals of a request that had a body and passed proxy.ts, and its error listeners with them. When
 * the browser then leaves before the answer is complete (a reload), its `ECONNRESET` would be an uncaught exception.
 * The response closes before the request reports that error, and after Next is done with the listeners.
 */
function ignoreClientAbort(request: IncomingMessage, response: ServerResponse): void {
  response.once("close", () => request.on("error", () => undefined));
}
