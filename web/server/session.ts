/** Who is asking: the session of a request, and the JWT that the services are given for it. */
import "server-only";

import { getSessionCookie } from "better-auth/cookies";

import { getAuth } from "./auth";
import { OPERATOR_ROLE } from "./auth-options";
import { sharedTokenCache, TokenCache, type IssuedToken, type TokenSource } from "./token-cache";

export type SignedInUser = Readonly<{ userId: string; name: string; email: string; isOperator: boolean; isEmailConfirmed: boolean }>;

/** The signed-in user, or null. Raises when the database cannot be asked. */
export async function findUser(headers: Headers): Promise<SignedInUser | null> {
  if (getSessionCookie(headers) === null) return null;
  const session = await getAuth().api.getSession({ headers });
  if (session === null) return null;
  const { id, name, email, emailVerified, role } = session.user;
  return { userId: id, name, email, isOperator: role === OPERATOR_ROLE, isEmailConfirmed: emailVerified };
}

/** The JWT for the session in these headers, or null where there is none. */
export async function findToken(headers: Headers): Promise<IssuedToken | null> {
  const cookie = getSessionCookie(headers);
  if (cookie === null) return null;
  return sharedTokenCache(() => new TokenCache(betterAuthTokens)).tokenFor(cookie, headers);
}

/**
 * The same where a service has refused the one that was remembered. Tokens say their age in whole seconds, and one that
 * is made in the second of a sign-out everywhere is refused as well: so the next second is waited for.
 */
export async function renewToken(headers: Headers): Promise<IssuedToken | null> {
  const cookie = getSessionCookie(headers);
  if (cookie === null) return null;
  await new Promise((resolve) => setTimeout(resolve, 1_000 - (Date.now() % 1_000)));
  sharedTokenCache(() => new TokenCache(betterAuthTokens)).dropCookie(cookie);
  return findToken(headers);
}

const betterAuthTokens: TokenSource = {
  async issue(headers) {
    try {
      const { token } = await getAuth().api.getToken({ headers });
      return readClaims(token);
    } catch (error) {
      if (isUnauthorized(error)) return null;
      throw error;
    }
  },
  async isSessionAlive(headers, issued) {
    const session = await getAuth().api.getSession({ headers, query: { disableRefresh: true } });
    if (session === null) return false;
    return (session.user.role === OPERATOR_ROLE) === issued.isOperator || "changed";
  },
};

/** Without `instanceof`: the bundles of proxy.ts and of the routes have a class `APIError` each. */
function isUnauthorized(error: unknown): boolean {
  return error instanceof Error && "statusCode" in error && error.statusCode === 401;
}

type Claims = { sub: string; exp: number; natter_role?: string };

/** Reads, without verifying, the claims of a token that we have just signed ourselves. */
function readClaims(token: string): IssuedToken {
  const payload = token.split(".")[1] ?? "";
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as Claims;
  const isOperator = claims.natter_role === OPERATOR_ROLE;
  return { token, userId: claims.sub, expiresAtMilliseconds: claims.exp * 1000, isOperator };
}
