/** The one origin that the browser knows. Passes requests on to the services, and checks the session before a page is served. */
import { NextResponse, type NextRequest } from "next/server";

import { answerFromService } from "@/server/answer-from-service";
import { forward } from "@/server/forward";
import { problem } from "@/server/problem";
import { pageAfterSignIn, routeOf } from "@/server/routing";
import { contentSecurityPolicy, securityHeaders } from "@/server/security-headers";
import { findToken, findUser } from "@/server/session";
import { getChatkitElement, getSettings } from "@/server/settings";

export async function proxy(request: NextRequest): Promise<Response> {
  const route = routeOf(request.nextUrl.pathname);
  if (route.kind === "service") return answerFromService(request, route.service);
  if (route.kind === "shared") return answerStranger(request);
  if (route.kind === "shared_page") return sharedPage(request);
  if (route.kind === "connection_page") return connectionPage(request, route.path);
  if (route.kind === "open") return openPage(request);
  return pageBySession(request, route.kind === "private_page");
}

/** What a link shows needs no session, and is told nothing of one. */
async function answerStranger(request: NextRequest): Promise<Response> {
  if (request.method !== "GET") return problem("cross_origin");
  return forward(request, getSettings().authEdgeUrl, null);
}

/** Its address is the secret: no search engine keeps the page, and no link on it tells where its reader came from. */
function sharedPage(request: NextRequest): Response {
  const response = openPage(request);
  response.headers.set("x-robots-tag", "noindex, nofollow, noarchive");
  response.headers.set("referrer-policy", "no-referrer");
  return response;
}

/** auth_edge's page on which a user connects an account elsewhere. Needs a session, which says whose consent it is. */
async function connectionPage(request: NextRequest, path: string): Promise<Response> {
  if (request.method !== "GET") return problem("cross_origin");
  try {
    const issued = await findToken(request.headers);
    if (issued === null) return toSignIn(request);
    const url = new URL(`/api/${encodeURIComponent(issued.userId)}/connections/${path}`, request.url);
    url.search = request.nextUrl.search;
    const headers = new Headers({ accept: request.headers.get("accept") ?? "*/*" });
    return await forward(new Request(url, { headers }), getSettings().authEdgeUrl, `Bearer ${issued.token}`);
  } catch (error) {
    console.error(JSON.stringify({ event: "session.unavailable", error: String(error) }));
    return problem("unavailable");
  }
}

function toSignIn(request: NextRequest): Response {
  const signIn = new URL("/sign-in", request.url);
  signIn.searchParams.set("next", `${request.nextUrl.pathname}${request.nextUrl.search}`);
  return NextResponse.redirect(signIn);
}

async function pageBySession(request: NextRequest, isPrivate: boolean): Promise<Response> {
  const { searchParams } = request.nextUrl;
  // Without a database the session is unknown: the page is served, and says what is wrong.
  const user = await findUser(request.headers).catch(() => undefined);
  if (isPrivate && user === null) return toSignIn(request);
  if (!isPrivate && user) {
    return NextResponse.redirect(new URL(pageAfterSignIn(searchParams.get("next")), request.url));
  }
  return openPage(request);
}

function openPage(request: NextRequest): Response {
  const { publicOrigin, filesOrigin } = getSettings();
  const isHttps = publicOrigin.startsWith("https:");
  const nonce = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64");
  const policy = contentSecurityPolicy(nonce, getChatkitElement(), filesOrigin, process.env.NODE_ENV === "development");
  const headers = new Headers(request.headers);
  headers.set("x-nonce", nonce);
  // Next reads the nonce for its own scripts from here.
  headers.set("content-security-policy", policy);
  const response = NextResponse.next({ request: { headers } });
  response.headers.set("content-security-policy", policy);
  for (const [name, value] of Object.entries(securityHeaders(isHttps))) response.headers.set(name, value);
  return response;
}

export const config = {
  // Files go past: Next holds the bodies of what comes here, and no more than 10 MB of one (app/api/[userId]/attachments).
  matcher: ["/((?!api/[^/]+/attachments|_next/static|_next/image|chatkit/|icons/|sw.js|manifest.webmanifest|icon|favicon|healthz|readyz).*)"],
};
