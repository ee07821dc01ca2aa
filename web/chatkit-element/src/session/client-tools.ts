/** Client tools: a call that waits for the page's answer is run in one tab of the browser, and its output sent once. */

import type { ClientToolCallItem } from "../protocol/types";
import { completeToolCall } from "../state/thread-reducer";
import type { Conversation } from "./conversation";
import { ask } from "./operations";

/** Runs the call that ended a turn of ours. Never raises: what goes wrong is reported, and shown. */
export async function runClientTool(conversation: Conversation, call: ClientToolCallItem): Promise<void> {
  await report(conversation, () =>
    alone(call, async (hadToWait) => {
      if (!hadToWait || (await isStillPending(conversation, call))) await answer(conversation, call);
    }),
  );
}

/**
 * Runs the call that a thread waits for when it is loaded: the page that began it was closed or reloaded before it
 * answered. Another tab may be at it, or done since: then its output counts.
 */
export async function resumeClientTool(conversation: Conversation, call: ClientToolCallItem): Promise<void> {
  if (!conversation.host.canRunClientTools || conversation.state.thread.status.type !== "active") return;
  await report(conversation, () =>
    alone(call, async () => {
      if (await isStillPending(conversation, call)) await answer(conversation, call);
    }),
  );
}

async function answer(conversation: Conversation, call: ClientToolCallItem): Promise<void> {
  if (conversation.isClosed) return;
  const { host } = conversation;
  // An output that could not be delivered before a refresh is not worked out again.
  const kept = host.storage.readToolOutput(call.id);
  const result = kept === null ? ((await host.runClientTool(call)) ?? {}) : (kept as unknown);
  host.storage.writeToolOutput(call.id, result);
  conversation.updateThread((thread) => completeToolCall(thread, call.id, result));
  const request = { type: "threads.add_client_tool_output" as const, params: { thread_id: call.thread_id, result } };
  if (await ask(conversation, request)) host.storage.writeToolOutput(call.id, null);
}

async function isStillPending(conversation: Conversation, call: ClientToolCallItem): Promise<boolean> {
  const { data } = await conversation.host.client.listItems(call.thread_id, 1, null);
  const last = data[0];
  return last?.id === call.id && last.type === "client_tool_call" && last.status === "pending";
}

/** One tab at a time, where the browser can tell (locks need https, or localhost); the lock ends with its tab. */
async function alone(call: ClientToolCallItem, work: (hadToWait: boolean) => Promise<void>): Promise<void> {
  const { locks } = navigator as Partial<Navigator>;
  if (!locks) return work(false);
  const name = `chatkit-element:tool:${call.id}`;
  let isTaken = false;
  await locks.request(name, { ifAvailable: true }, async (lock) => {
    if (lock) await work(false);
    else isTaken = true;
  });
  if (isTaken) await locks.request(name, () => work(true));
}

async function report(conversation: Conversation, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    conversation.host.reportError(error as Error);
    conversation.notify({ level: "danger", message: "", code: "client_tool_failed", canRetry: false });
  }
}
