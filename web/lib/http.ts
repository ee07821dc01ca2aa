/** Calls of the services, from the browser: JSON in, JSON out, one kind of error. */
import { recallAnswer, rememberAnswer } from "./read-cache";
import { forgetDeletion, rememberDeletion, unansweredDeletions } from "./unanswered-deletions";

/** A call that failed: `status` 0 means that there was no answer; `field` names what was wrong in what was sent. */
export class CallError extends Error {
  override name = "CallError";

  constructor(
    readonly status: number,
    readonly code: string | undefined,
    readonly field?: string | undefined,
  ) {
    super(`call failed: ${status} ${code ?? ""}`);
  }
}

type Method = "GET" | "POST" | "PATCH" | "DELETE";

const TIMEOUT_MILLISECONDS = 15_000;

/** Sends `body` as JSON and returns the answer's JSON (undefined where there is none). Raises `CallError`. */
export async function call<Answer>(method: Method, url: string, body?: unknown): Promise<Answer> {
  const { response, text } = await send(method, url, body);
  const answer = text === "" ? undefined : parsed(text);
  const problem = answer as { code?: string; field?: string } | undefined;
  if (!response.ok) throw new CallError(response.status, problem?.code, problem?.field);
  return answer as Answer;
}

/** Sends what pages that were left have deleted, below `base`, and had no answer to. */
export async function deleteWhatWasLeft(base: string): Promise<void> {
  const again = (url: string) => (error: unknown) => {
    // Nobody is told that it failed, so it stays for the next page.
    if (error instanceof CallError && (error.status === 0 || error.status >= 500)) rememberDeletion(url);
  };
  await Promise.all(unansweredDeletions(base).map((url) => call("DELETE", url).catch(again(url))));
}

/** Reads the whole answer: a connection that breaks meanwhile counts as no answer. */
async function send(method: Method, url: string, body: unknown): Promise<{ response: Response; text: string }> {
  if (method === "DELETE") rememberDeletion(url);
  try {
    const response = await fetch(url, {
      method,
      cache: "no-store",
      // What waited for an undo is deleted as the page is left.
      keepalive: method === "DELETE",
      signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
      headers: { accept: "application/json", ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (method === "GET" && response.ok) rememberAnswer(url, response.clone());
    if (method === "DELETE") forgetDeletion(url);
    return { response, text: await response.text() };
  } catch {
    const known = method === "GET" ? await recallAnswer(url) : undefined;
    // Somebody who sees the page is told that it failed, and may try again.
    if (method === "DELETE" && document.visibilityState === "visible") forgetDeletion(url);
    if (known !== undefined) return { response: known, text: await known.text() };
    throw new CallError(0, navigator.onLine ? "unavailable" : "offline");
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CallError(0, "unavailable");
  }
}
