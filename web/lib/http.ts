/** Calls of the services, from the browser: JSON in, JSON out, one kind of error. */

/** A call that failed: `status` 0 means that nothing answered. */
export class CallError extends Error {
  override name = "CallError";

  constructor(
    readonly status: number,
    readonly code: string | undefined,
  ) {
    super(`call failed: ${status} ${code ?? ""}`);
  }
}

type Method = "GET" | "POST" | "PATCH" | "DELETE";

const TIMEOUT_MILLISECONDS = 15_000;

/** Sends `body` as JSON and returns the answer's JSON (undefined where there is none). Raises `CallError`. */
export async function call<Answer>(method: Method, url: string, body?: unknown): Promise<Answer> {
  const response = await send(method, url, body);
  if (!response.ok) {
    const failure = (await response.json().catch(() => ({}))) as { code?: string };
    throw new CallError(response.status, failure.code);
  }
  const text = await response.text();
  return (text === "" ? undefined : JSON.parse(text)) as Answer;
}

async function send(method: Method, url: string, body: unknown): Promise<Response> {
  try {
    return await fetch(url, {
      method,
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
      headers: { accept: "application/json", ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new CallError(0, navigator.onLine ? "unavailable" : "offline");
  }
}
