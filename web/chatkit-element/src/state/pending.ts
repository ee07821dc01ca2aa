/** What a thread waits for: the first item of its last turn that a person, or a tool of the page, has not answered yet. */

import type { ClientToolCallItem, StructuredInputItem, ThreadItem } from "../protocol/types";

type Pending = StructuredInputItem | ClientToolCallItem;

export function pendingItem(items: readonly ThreadItem[]): Pending | null {
  return pendingItems(items)[0] ?? null;
}

export function pendingToolCall(items: readonly ThreadItem[]): ClientToolCallItem | null {
  return pendingItems(items).find((item) => item.type === "client_tool_call") ?? null;
}

export function pendingQuestion(items: readonly ThreadItem[]): StructuredInputItem | null {
  return pendingItems(items).find((item) => item.type === "structured_input") ?? null;
}

function pendingItems(items: readonly ThreadItem[]): Pending[] {
  const pending: Pending[] = [];
  for (let at = items.length - 1; at >= 0; at--) {
    const item = items[at] as ThreadItem;
    if (item.type === "user_message") break;
    if ((item.type === "structured_input" || item.type === "client_tool_call") && item.status === "pending") pending.unshift(item);
  }
  return pending;
}
