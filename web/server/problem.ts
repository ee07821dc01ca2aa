/** Errors of our own, in the form that the services use (RFC 9457). */
import type { Code } from "@/generated/contracts.gen";
import type { OriginCode } from "@/lib/error-text";

/** The services' codes where they fit, and ours; each has a text for people in lib/error-text.ts. */
export type ProblemCode = Extract<Code, "unauthenticated" | "payload_too_large"> | OriginCode;

const PROBLEMS: Record<ProblemCode, { status: number; title: string; headers?: Record<string, string> }> = {
  unauthenticated: {
    status: 401,
    title: "Sign in first",
    headers: { "www-authenticate": 'Bearer realm="natter"' },
  },
  cross_origin: { status: 403, title: "This request did not come from Natter's own pages" },
  payload_too_large: { status: 413, title: "This message is too large" },
  unavailable: { status: 503, title: "Natter is not answering right now", headers: { "retry-after": "2" } },
};

export function problem(code: ProblemCode): Response {
  const { status, title, headers } = PROBLEMS[code];
  return new Response(JSON.stringify({ type: "about:blank", title, status, code }), {
    status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store", ...headers },
  });
}
