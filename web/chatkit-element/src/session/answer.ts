/** One streaming request and the reading of its answer. */

import { readFrames, type StreamingRequest } from "../protocol/client";
import { ChatKitRequestError, isAbort } from "../protocol/errors";
import type { Conversation } from "./conversation";

const DELIVERY_TRIES_MAX = 6;
const DELIVERY_RETRY_DELAY_MS = 500;
const REOPEN_TRIES_MAX = 5;
const REOPEN_DELAY_MS = 300;

/**
 * Sends the request; resolves once the server accepted it. The answer goes on in the background, as a turn of its own:
 * behind the one that is being written, if there is one, and then it begins when the server says so.
 *
 * A durable server knows the key, and answers a request that comes again once: there, what may pass is waited out.
 * Raises ChatKitRequestError if it was not accepted.
 */
export async function requestAnswer(
  conversation: Conversation,
  request: StreamingRequest,
  idempotencyKey: string,
): Promise<void> {
  const controller = new AbortController();
  conversation.requests.add(controller);
  const turn = conversation.state.turn === null ? conversation.turns.begin("own", null) : null;
  try {
    const response = await deliver(conversation, request, idempotencyKey, controller.signal);
    const runId = runIdOf(response.url);
    if (runId) {
      conversation.turns.ownRuns.add(runId);
      if (turn !== null) conversation.turns.setRun(runId, turn);
    }
    conversation.answers.add(controller);
    void follow(conversation, response, controller, runId, turn);
  } catch (error) {
    if (turn !== null) conversation.turns.end(turn);
    throw error;
  } finally {
    conversation.requests.delete(controller);
  }
}

async function deliver(
  conversation: Conversation,
  request: StreamingRequest,
  idempotencyKey: string,
  signal: AbortSignal,
): Promise<Response> {
  const { host, isDurable } = conversation;
  const headers = isDurable ? durableHeaders(conversation, idempotencyKey) : {};
  for (let tries = 1; ; tries++) {
    try {
      return await host.client.stream(request, headers, signal);
    } catch (error) {
      const mayPass = error instanceof ChatKitRequestError && error.isTransient && host.isOnline();
      // Elsewhere a second try could be a second message.
      if (!isDurable || !mayPass || tries >= DELIVERY_TRIES_MAX) throw error;
      await pause(error.retryAfterSeconds ? error.retryAfterSeconds * 1_000 : DELIVERY_RETRY_DELAY_MS * tries);
      signal.throwIfAborted();
    }
  }
}

function durableHeaders(conversation: Conversation, idempotencyKey: string): Record<string, string> {
  return {
    "Idempotency-Key": idempotencyKey,
    "Natter-On-Busy": conversation.host.settings.onBusy ?? "enqueue",
  };
}

/** A durable server redirects to the run's stream, so the address of the answer names the run. */
function runIdOf(url: string): string | null {
  const match = /\/runs\/([^/?#]+)\/stream/.exec(url);
  return match?.[1] ? decodeURIComponent(match[1]) : null;
}

async function follow(
  conversation: Conversation,
  response: Response,
  controller: AbortController,
  runId: string | null,
  turn: number | null,
): Promise<void> {
  if (conversation.isLive) controller.abort();
  try {
    await readAnswer(conversation, response, controller, runId);
    conversation.answers.delete(controller);
    if (runId) conversation.turns.onRunEnded(runId);
    else if (turn !== null) conversation.turns.end(turn);
  } catch (error) {
    conversation.answers.delete(controller);
    // The conversation's stream carries the rest of the answer.
    if (conversation.isDurable && conversation.threadId) conversation.openLive();
    else {
      if (turn !== null) conversation.turns.end(turn);
      if (!isAbort(error)) reportLostConnection(conversation, error as Error);
    }
  }
}

/** A new conversation has no stream before its id is known: until then, the run's own stream is opened again. */
async function readAnswer(
  conversation: Conversation,
  response: Response,
  controller: AbortController,
  runId: string | null,
): Promise<void> {
  let current = response;
  for (let tries = 1; ; tries++) {
    try {
      await readFrames(current, (frame) => conversation.onAnswerFrame(frame));
      return;
    } catch (error) {
      const canReopen = conversation.isDurable && runId !== null && conversation.threadId === null;
      if (isAbort(error) || !canReopen || tries > REOPEN_TRIES_MAX) throw error;
      await pause(REOPEN_DELAY_MS * tries);
      current = await conversation.host.client.request(response.url, {
        headers: { Accept: "text/event-stream" },
        signal: controller.signal,
      });
    }
  }
}

function reportLostConnection(conversation: Conversation, error: Error): void {
  conversation.notify({ level: "danger", message: "", code: "connection_lost", canRetry: true });
  conversation.host.reportError(error);
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
