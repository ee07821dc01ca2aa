/** Failures of a request, told apart by what the reader can do about them. */

export class ChatKitRequestError extends Error {
  override readonly name = "ChatKitRequestError";

  /**
   * @param status HTTP status, or 0 when no answer came at all.
   * @param code stable code of a problem+json body, or `http.<status>`, or `network`.
   * @param retryAfterSeconds what the server asked for in Retry-After, or null.
   */
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfterSeconds: number | null = null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** True when the same request may succeed a moment later. */
  get isTransient(): boolean {
    if (this.code === "assistant_failed") return false; // what an action has failed with, and always will
    return this.status === 0 || this.status === 429 || this.status === 401 || this.status >= 500;
  }
}

export async function errorFromResponse(response: Response): Promise<ChatKitRequestError> {
  const text = await response.text().catch(() => "");
  let code = `http.${response.status}`;
  let detail = "";
  try {
    const body = JSON.parse(text) as { code?: unknown; detail?: unknown; title?: unknown };
    if (typeof body.code === "string") code = body.code;
    if (typeof body.detail === "string") detail = body.detail;
    else if (typeof body.title === "string") detail = body.title;
  } catch {
    detail = text.trimStart().startsWith("<") ? "" : text.slice(0, 300);
  }
  const after = Number(response.headers.get("Retry-After"));
  return new ChatKitRequestError(
    response.status,
    code,
    detail || `The server answered ${response.status}.`,
    Number.isFinite(after) && after > 0 ? after : null,
  );
}

/** A failed request as people read it: our words for its code where we have some, else the server's. */
export interface Failure {
  code: string;
  message: string;
}

export function failureOf(error: unknown): Failure {
  if (error instanceof ChatKitRequestError) return { code: error.code, message: error.message };
  return { code: "error", message: error instanceof Error ? error.message : String(error) };
}

/** The thing that was requested does not exist, or not any more. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ChatKitRequestError && (error.status === 404 || error.status === 410);
}

export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
