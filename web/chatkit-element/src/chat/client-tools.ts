/** Client tools: a call that the page has to answer is run in one tab of the browser, and its output is sent once. */

import type { ChatKitClient } from "../protocol/client";
import type { ClientToolCallItem, ThreadItem } from "../protocol/types";
import type { TabStorage } from "./storage";

export interface ClientToolHost {
  readonly client: Pick<ChatKitClient, "listItems">;
  readonly storage: Pick<TabStorage, "readToolOutput" | "writeToolOutput">;
  /** The page's handler. */
  run(): Promise<unknown>;
  /** Sends the output; resolves with whether the server took it. */
  submit(output: unknown): Promise<boolean>;
  /** The conversation was closed: the output is not needed any more. */
  isLeft(): boolean;
}

/** Of what a turn waits for, a call may not be the last: approvals can stand behind it. */
const ITEMS_BEHIND_MAX = 20;

export function isPendingToolCall(item: ThreadItem | undefined): item is ClientToolCallItem {
  return item?.type === "client_tool_call" && item.status === "pending";
}

/**
 * Runs a call and sends its output, unless another tab does it or has done it.
 *
 * @param isNew the call just ended a turn of this tab. Otherwise it was found when the thread was loaded: the page that
 *   began it was closed before it answered, and the server is asked first whether the call is still pending.
 */
export function answerClientTool(host: ClientToolHost, call: ClientToolCallItem, isNew: boolean): Promise<void> {
  return alone(call, async (hadToWait) => {
    const isPending = (isNew && !hadToWait) || (await isStillPending(host, call));
    if (isPending && !host.isLeft()) await answer(host, call);
  });
}

async function isStillPending({ client }: ClientToolHost, call: ClientToolCallItem): Promise<boolean> {
  const { data } = await client.listItems(call.thread_id, ITEMS_BEHIND_MAX, null);
  return data.some((item) => item.id === call.id && isPendingToolCall(item));
}

async function answer({ storage, run, submit }: ClientToolHost, call: ClientToolCallItem): Promise<void> {
  // An output that could not be delivered before a refresh was stored: the tool does not run again.
  const output = storage.readToolOutput(call.id) ?? (await run()) ?? {};
  storage.writeToolOutput(call.id, output);
  if (await submit(output)) storage.writeToolOutput(call.id, null);
}

/** One tab at a time, by a Web Lock, which ends with its tab. Over plain http, except localhost, there are no locks. */
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
