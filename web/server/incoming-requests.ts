/** What happens to every request before Next sees it. */
import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage, ServerResponse } from "node:http";

import { getSettings } from "./settings";

/** The client's address, for the rate limit. Always set by us: a client's own header of this name is overwritten. */
export const CLIENT_ADDRESS_HEADER = "x-natter-client-address";

const REQUEST_START = "http.server.request.start";

export function watchIncomingRequests(): void {
  subscribe(REQUEST_START, (message) => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
    request.headers[CLIENT_ADDRESS_HEADER] = clientAddress(request, getSettings().trustsForwardedFor);
    ignoreClientAbort(request, response);
  });
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
