/** Where a request belongs: pure decisions of proxy.ts. */

export type Route =
  | Readonly<{ kind: "service"; service: "auth_edge" | "stream_relay" }>
  | Readonly<{ kind: "shared" }>
  | Readonly<{ kind: "shared_page" }>
  | Readonly<{ kind: "connection_page"; path: string }>
  | Readonly<{ kind: "private_page" }>
  | Readonly<{ kind: "sign_in_page" }>
  | Readonly<{ kind: "open" }>;

/** Better Auth's own routes live beside the services', under a name that is therefore no user id. */
const AUTH_SEGMENT = "auth";

/** A link's token, as auth_edge makes them: longer than any route of a user who is called `shared`. */
const SHARE_TOKEN = /^[A-Za-z0-9_-]{43}$/;

export function routeOf(pathname: string): Route {
  const [first, user, ...rest] = pathname.split("/").slice(1);
  if (first === "api") {
    if (user === "shared" && isShared(rest)) return { kind: "shared" };
    if (user === undefined || user === "" || user === AUTH_SEGMENT) return { kind: "open" };
    return { kind: "service", service: isStream(rest) ? "stream_relay" : "auth_edge" };
  }
  // Addresses without a user id: an authorization server has one redirect address registered, for all users.
  if (first === "connections" && user && rest.length === 0) {
    return { kind: "connection_page", path: user === "callback" ? "callback" : `${user}/consent` };
  }
  if (first === "shared") return { kind: "shared_page" };
  if (first === "operator" && user === "reports") return { kind: "open" }; // not a page: answered, or refused, as JSON
  if (first === "dashboard" || first === "operator") return { kind: "private_page" };
  if (pathname === "/" || pathname === "/sign-in" || pathname === "/sign-up") return { kind: "sign_in_page" };
  return { kind: "open" };
}

/** A link's token, and below it the pictures that it shows. */
function isShared([token, ...rest]: string[]): boolean {
  return SHARE_TOKEN.test(token ?? "") && (rest.length === 0 || (rest.length === 2 && rest[0] === "pictures"));
}

/** `stream`, `runs/{run_id}/stream` and `conversations/{conversation_id}/stream`. */
function isStream(segments: string[]): boolean {
  if (segments.at(-1) !== "stream") return false;
  if (segments.length === 1) return true;
  return segments.length === 3 && (segments[0] === "runs" || segments[0] === "conversations");
}

const PAGES = ["/dashboard/", "/connections/", "/operator/"];
const NOWHERE = "http://nowhere.invalid";

/**
 * A page of our own to go to after signing in, from the `next` parameter: anything else (another
 * origin, `//host`, a backslash that browsers read as a slash) leads to the chat.
 */
export function pageAfterSignIn(next: string | null | undefined): string {
  const fallback = "/dashboard/chat";
  if (!next?.startsWith("/") || /[\\\s]/.test(next) || !URL.canParse(next, NOWHERE)) return fallback;
  // Resolved as a browser resolves it: `/dashboard/..//evil.test/` only looks like a page below /dashboard.
  const { origin, pathname, search, hash } = new URL(next, NOWHERE);
  const isPage = pathname === "/dashboard" || PAGES.some((page) => pathname.startsWith(page)) || pathname === "/operator";
  const isOurs = origin === NOWHERE && isPage;
  return isOurs && !pathname.includes("//") ? `${pathname}${search}${hash}` : fallback;
}

/**
 * Whether a request that changes something comes from our own pages. Cookies are SameSite=Lax, but another
 * port of the same host is the same *site*; the Origin header tells them apart.
 */
export function isSameOrigin(request: { method: string; headers: Headers }, publicOrigin: string): boolean {
  if (request.method === "GET" || request.method === "HEAD") return true;
  const origin = request.headers.get("origin");
  // A browser that sends no Origin sends Sec-Fetch-Site; a program sends neither, and has no cookies.
  if (origin === null) return ["same-origin", "none", null].includes(request.headers.get("sec-fetch-site"));
  if (origin === publicOrigin) return true;
  // Another name of this host, with the scheme that people use: behind a proxy the request itself is plain http.
  return origin === `${new URL(publicOrigin).protocol}//${request.headers.get("host")}`;
}
