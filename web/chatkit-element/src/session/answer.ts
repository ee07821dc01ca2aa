/** One streaming request and the reading of its answer. */

import { readFrames, type StreamingRequest } from "../protocol/client";
import { isAbort } from "../protocol/errors";
import type { Conversation } from "./conversation";

const REOPEN_TRIES_MAX = 5;
const REOPEN_DELAY_MS = 300;

export interface AnswerOptions {
  /** Sent with the request where the server knows it, so that a repeated request is answered once. */
  idempotencyKey: string;
  /** An answer is being written already: the server queues this one, and its turn begins when the server says so. */
  isBehindTurn: boolean;
}

/**
 * Sends the request; resolves once the server accepted it. The answer goes on in the background.
 * Raises ChatKitRequestError if it was not accepted.
 */
export async function requestAnswer(
  conversation: Conversation,
  request: StreamingRequest,
  { idempotencyKey, isBehindTurn }: AnswerOptions,
): Promise<void> {
  const controller = new AbortController();
  conversation.answers.add(controller);
  if (!isBehindTurn) conversation.beginTurn("own", null);
  try {
    const headers = conversation.isDurable ? durableHeaders(conversation, idempotencyKey) : {};
    const response = await conversation.host.client.stream(request, headers, controller.signal);
    const runId = runIdOf(response.url);
    if (runId) {
      conversation.ownRuns.add(runId);
      if (!isBehindTurn) conversation.setRun(runId);
    }
    void follow(conversation, response, controller, runId, isBehindTurn);
  } catch (error) {
    conversation.answers.delete(controller);
    if (!isBehindTurn) conversation.endTurn();
    throw error;
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
  isBehindTurn: boolean,
): Promise<void> {
  if (conversation.isLive) controller.abort();
  try {
    await readAnswer(conversation, response, controller, runId);
    conversation.answers.delete(controller);
    if (runId) conversation.onRunEnded(runId);
    else if (!isBehindTurn) conversation.endTurn();
  } catch (error) {
    conversation.answers.delete(controller);
    // The conversation's stream carries the rest of the answer.
    if (conversation.isDurable && conversation.threadId) conversation.openLive();
    else if (isAbort(error)) conversation.endTurn();
    else lostConnection(conversation, error as Error);
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
      await new Promise((resolve) => setTimeout(resolve, REOPEN_DELAY_MS * tries));
      current = await conversation.host.client.request(response.url, {
        headers: { Accept: "text/event-stream" },
        signal: controller.signal,
      });
    }
  }
}

function lostConnection(conversation: Conversation, error: Error): void {
  conversation.endTurn();
  conversation.notify({ level: "danger", message: "", code: "connection_lost", canRetry: true });
  conversation.host.reportError(error);
}
