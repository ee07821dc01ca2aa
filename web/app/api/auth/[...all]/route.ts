/** Better Auth's own endpoints, and the public keys (`/api/auth/jwks`) by which the services verify its tokens. */
import { SIGN_UP_PATH, waitForStep } from "@/server/accounts";
import { getAuth } from "@/server/auth";
import { problem } from "@/server/problem";
import { isMigrated } from "@/server/readiness";

const BODY_BYTES_MAX = 64 * 1024;

async function handle(request: Request): Promise<Response> {
  const startedAt = performance.now();
  const response = await answer(request);
  if (new URL(request.url).pathname.endsWith(SIGN_UP_PATH)) await waitForStep(startedAt);
  return response;
}

async function answer(request: Request): Promise<Response> {
  // Better Auth reads what comes. A body that does not say how long it is comes from no browser.
  const declared = request.headers.get("content-length");
  if (request.body !== null && (declared === null || Number(declared) > BODY_BYTES_MAX)) return problem("payload_too_large");
  if (!isMigrated()) return problem("unavailable");
  try {
    return await getAuth().handler(request);
  } catch (error) {
    console.error(JSON.stringify({ event: "auth.unavailable", error: String(error) }));
    return problem("unavailable");
  }
}

export { handle as GET, handle as POST };
