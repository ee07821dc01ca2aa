/** Sends a file and tells how much of it has gone: `fetch` says nothing of that. */

import { ChatKitRequestError } from "./errors";

export interface FileRequest {
  url: string;
  method: string;
  headers: Readonly<Record<string, string>>;
  body: Blob | FormData | null;
  /** Told the share that has gone, from 0 to 1. */
  onProgress: (share: number) => void;
  signal: AbortSignal;
}

/** Resolves with any answer, refusals as well. Raises ChatKitRequestError (network), AbortError. */
export function sendFile({ url, method, headers, body, onProgress, signal }: FileRequest): Promise<Response> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const request = new XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0);
    request.onload = () => resolve(new Response(hasNoBody(request.status) ? null : request.responseText, { status: request.status, headers: headersOf(request) }));
    request.onerror = () => reject(new ChatKitRequestError(0, "network", "The server could not be reached."));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(body);
  });
}

function hasNoBody(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

/** Those that are read of an answer. */
function headersOf(request: XMLHttpRequest): Headers {
  const headers = new Headers();
  for (const name of ["Content-Type", "Retry-After"]) {
    const value = request.getResponseHeader(name);
    if (value !== null) headers.set(name, value);
  }
  return headers;
}
