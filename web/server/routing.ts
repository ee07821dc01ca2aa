/** Where a request belongs: pure decisions of proxy.ts. */

export type Route =
  | Readonly<{ kind: "service"; service: "auth_edge" | "stream_relay" }>
  | Readonly<{ kind: "private_page" }>
  | Readonly<{ kind: "sign_in_page" }>
  | Readonly<{ kind: "open" }>;

/** Better Auth's own routes live beside the services', under a name that is therefore no user id. */
const AUTH_SEGMENT = "auth";

export function routeOf(pathname: string): Route {
  const [first, user, ...rest] = pathname.split("/").slice(1);
  if (first === "api") {
    if (user === undefined || user === "" || user === AUTH_SEGMENT) return { kind: "open" };
    return { kind: "service", service: isStream(rest) ? "stream_relay" : "auth_edge" };
  }
  if (first === "dashboard") return { kind: "private_page" };
  if (pathname === "/" || pathname === "/sign-in" || pathname === "/sign-up") return { kind: "sign_in_page" };
  return { kind: "open" };
}

/** `stream`, `runs/{run_id}/stream` and `conversations/{conversation_id}/stream`. */
function isStream(segments: string[]): boolean {
  if (segments.at(-1) !== "stream") return false;
  if (segments.length === 1) return true;
  return segments.length === 3 && (segments[0] === "runs" || segments[0] === "conversations");
}

/**
 * A page of our own to go to after signing in, from the `next` parameter: anything else (another
 * origin, `//host`, a backslash that browsers read as a slash) leads to the chat.
 */
export function pageAfterSignIn(next: string | null | undefined): string {
  const fallback = "/dashboard/chat";
  if (!next || !/^\/dashboard(?:[/?#]|$)/.test(next) || /[\\\s]/.test(next)) return fallback;
  return next;
}

/**
 * Whether a request that changes something comes from our own pages. Cookies are SameSite=Lax, but another
 * port of the same host is the same *site*; the Origin header tells them apart.
 */
export function isSameOrigin(request: { method: string; headers: Headers }, publicOrigin: string): boolean {
  if (request.method === "GET" || request.method === "HEAD") return true;
  const origin = request.headers.get("origin");
  if (origin === null) return request.headers.get("sec-fetch-site") !== "cross-site";
  if (origin === publicOrigin) return true;
  return URL.canParse(origin) && new URL(origin).host === request.headers.get("host");
}
