/** Passes a request of the browser's on to a service, as the user whose session it has. */
import type { NextRequest } from "next/server";

import { forward } from "./forward";
import { problem } from "./problem";
import { isSameOrigin } from "./routing";
import { findToken, renewToken } from "./session";
import { getSettings } from "./settings";

type Forward = typeof forward;

/** Asks a service on behalf of the session of the request, unless the request brings a token of its own. */
export async function answerFromService(
  request: NextRequest,
  service: "auth_edge" | "stream_relay",
  send: Forward = forward,
): Promise<Response> {
  const settings = getSettings();
  const serviceUrl = service === "auth_edge" ? settings.authEdgeUrl : settings.streamRelayUrl;
  // A caller with a token of its own (a chat-only session, a script) is verified by the service, not here.
  const presented = request.headers.get("authorization");
  if (presented !== null) return send(request, serviceUrl, presented);
  if (!isSameOrigin(request, settings.publicOrigin)) return problem("cross_origin");
  try {
    const issued = await findToken(request.headers);
    if (issued === null) return problem("unauthenticated");
    const answer = await send(request, serviceUrl, `Bearer ${issued.token}`);
    return answer.status === 401 ? await withNewToken(request, serviceUrl, answer, send) : answer;
  } catch (error) {
    console.error(JSON.stringify({ event: "session.unavailable", error: String(error) }));
    return problem("unavailable");
  }
}

/** The user has signed out everywhere, or has a new password, and this session is the one that went on. */
async function withNewToken(request: NextRequest, serviceUrl: string, refused: Response, send: Forward): Promise<Response> {
  const issued = await renewToken(request.headers);
  if (issued === null) return problem("unauthenticated");
  if (request.body === null) {
    await refused.body?.cancel();
    return send(request, serviceUrl, `Bearer ${issued.token}`);
  }
  // Its body is gone: the page sends it once more, as it does when a service is away.
  return problem("unavailable");
}
