/** One streaming request and the reading of its answer. */

import { readFrames, type StreamingRequest } from "../protocol/client";
import { isAbort } from "../protocol/errors";
import type { Conversation } from "./conversation";

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
    await readFrames(response, (frame) => conversation.onAnswerFrame(frame));
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

function lostConnection(conversation: Conversation, error: Error): void {
  conversation.endTurn();
  conversation.notify({ level: "danger", message: "", code: "connection_lost", canRetry: true });
  conversation.host.reportError(error);
}
