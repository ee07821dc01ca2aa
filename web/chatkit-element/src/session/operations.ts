/** Requests beside messages that the server answers with a turn. */

import { failureOf, isAbort } from "../protocol/errors";
import type { StreamingRequest } from "../protocol/client";
import type { StructuredAnswer } from "../protocol/types";
import { truncateAfter } from "../state/thread-reducer";
import { requestAnswer } from "./answer";
import type { Conversation } from "./conversation";

/** Forgets what came after a message of the user's, and has it answered again. */
export async function retryAfter(conversation: Conversation, itemId: string): Promise<void> {
  const { threadId } = conversation;
  if (!threadId || conversation.state.turn) return;
  const { items } = conversation.state.thread;
  conversation.updateThread((thread) => truncateAfter(thread, itemId));
  const request = { type: "threads.retry_after_item" as const, params: { thread_id: threadId, item_id: itemId } };
  // What the server did not forget stays.
  if (!(await ask(conversation, request))) conversation.updateThread((thread) => ({ ...thread, items }));
}

/** Answers or skips questions. If that fails they stay on screen. */
export async function submitStructuredInput(
  conversation: Conversation,
  itemId: string,
  status: "answered" | "skipped",
  answers: Record<string, StructuredAnswer>,
): Promise<void> {
  const { threadId } = conversation;
  if (!threadId) return;
  const params = { thread_id: threadId, item_id: itemId, input: { status, answers } };
  await ask(conversation, { type: "threads.add_structured_input", params });
}

/** Raises if there is no thread yet. */
export async function customAction(
  conversation: Conversation,
  action: { type: string; payload?: unknown },
  itemId: string | undefined,
): Promise<void> {
  const { threadId } = conversation;
  if (!threadId) throw new Error("sendCustomAction needs a thread.");
  const params = { thread_id: threadId, action, ...(itemId && { item_id: itemId }) };
  await ask(conversation, { type: "threads.custom_action", params });
}

/** Returns whether the server accepted it; if not, that is reported, and shown. */
export async function ask(conversation: Conversation, request: StreamingRequest): Promise<boolean> {
  try {
    await requestAnswer(conversation, request, crypto.randomUUID());
    return true;
  } catch (error) {
    if (isAbort(error)) return false;
    conversation.host.reportError(error as Error);
    // What the person did is still there to be done again; "Try again" would answer their last message anew.
    conversation.notify({ level: "danger", ...failureOf(error), canRetry: false });
    return false;
  }
}
