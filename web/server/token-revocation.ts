/** Lets no token of a user hold any more that was issued before: for a new password, and a sign-out everywhere. */
import { APIError } from "better-auth/api";

import type { Settings } from "./settings";

type Edge = Pick<Settings, "authEdgeUrl">;

const REVOKE_TIMEOUT_MILLISECONDS = 5_000;
const ATTEMPTS_MAX = 3;
// The store raises the age to the next full second at most: more is not waited for, whatever the answer says.
const WAIT_MILLISECONDS_MAX = 1_100;

/**
 * Returns once a token that is made now holds again. Raises `APIError` 503 when the store did not confirm: what was
 * asked for (the new password, the ended sessions) has happened then, and older tokens hold until they expire.
 */
export async function revokeTokens({ authEdgeUrl }: Edge, userId: string, token: string): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const validFrom = await askForRevocation({ authEdgeUrl }, userId, token);
    if (validFrom === undefined) continue;
    const waitMilliseconds = Math.min(Math.max(0, validFrom - Date.now()), WAIT_MILLISECONDS_MAX);
    await new Promise((resolve) => setTimeout(resolve, waitMilliseconds));
    return;
  }
  throw new APIError("SERVICE_UNAVAILABLE", {
    code: "REVOCATION_FAILED",
    message: "This was done, but chats that are open elsewhere may stay open for some minutes.",
  });
}

/** From when on tokens hold, in milliseconds since 1970; undefined where nobody confirmed. */
async function askForRevocation({ authEdgeUrl }: Edge, userId: string, token: string): Promise<number | undefined> {
  try {
    const response = await fetch(`${authEdgeUrl}/api/${encodeURIComponent(userId)}/tokens`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(REVOKE_TIMEOUT_MILLISECONDS),
    });
    const answer = (await response.json()) as { valid_from?: string; reason?: string };
    // An attempt that was carried out, and whose answer was lost, has made the token of this one void.
    if (answer.reason === "token_revoked") return Date.now() + WAIT_MILLISECONDS_MAX;
    return response.ok ? Date.parse(answer.valid_from ?? "") || Date.now() : undefined;
  } catch {
    return undefined;
  }
}
