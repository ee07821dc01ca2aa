/** Repeats requests that do no harm when they arrive twice, until the server accepts them or too many tries failed. */

import type { ChatKitClient } from "../protocol/client";
import { ChatKitRequestError } from "../protocol/errors";

const DELIVERY_TRIES_MAX = 6;
const CANCEL_TRIES_MAX = 4;
const RETRY_DELAY_MS = 500;
const RETRY_DELAY_MAX_MS = 30_000;
/** Answers to Stop that mean that the run is over already. */
const STATUSES_OF_AN_END: readonly number[] = [404, 409, 410];

/** Sends a message with its idempotency key, and repeats that if it fails. Raises the last failure. */
export function deliver<T>(send: () => Promise<T>, isOnline: () => boolean, signal: AbortSignal): Promise<T> {
  return repeat(send, DELIVERY_TRIES_MAX, isOnline, signal);
}

/** Stops a run. Raises ChatKitRequestError if the server does not confirm it. */
export async function cancelRun(client: ChatKitClient, url: string): Promise<void> {
  try {
    await repeat(() => client.request(url, { method: "POST" }), CANCEL_TRIES_MAX);
  } catch (error) {
    if (!(error instanceof ChatKitRequestError && STATUSES_OF_AN_END.includes(error.status))) throw error;
  }
}

async function repeat<T>(send: () => Promise<T>, triesMax: number, isOnline = () => true, signal?: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await send();
    } catch (error) {
      // After a 401 the person has to sign in first.
      const mayPass = error instanceof ChatKitRequestError && error.isTransient && error.status !== 401 && isOnline();
      if (!mayPass || tries >= triesMax) throw error;
      const delayMs = error.retryAfterSeconds ? error.retryAfterSeconds * 1_000 : RETRY_DELAY_MS * tries;
      await pause(Math.min(delayMs, RETRY_DELAY_MAX_MS));
      signal?.throwIfAborted();
    }
  }
}

export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
