/** What a thread waits for, when several things of its last turn are asked. */

import { expect, test } from "vitest";
import type { ThreadItem } from "../src/protocol/types";
import { pendingItem, pendingQuestion, pendingToolCall } from "../src/state/pending";

const item = (id: string, more: object) => ({ id, thread_id: "t", created_at: "2026-01-02T03:04:05Z", ...more }) as ThreadItem;
const user = item("user", { type: "user_message", content: [], attachments: [] });
const asked = (id: string, status: string) => item(id, { type: "structured_input", status, inputs: [] });
const tool = (id: string, status: string) => item(id, { type: "client_tool_call", status, call_id: id, name: "where", arguments: {} });

test("the first that is pending comes first, whatever stands behind it", () => {
  const items = [user, asked("a", "answered"), asked("b", "pending"), tool("c", "pending"), asked("d", "pending"), asked("e", "answered")];
  expect(pendingItem(items)?.id).toBe("b");
  expect(pendingQuestion(items)?.id).toBe("b");
  expect(pendingToolCall(items)?.id).toBe("c");
});

test("what an earlier turn has left open is not waited for", () => {
  expect(pendingItem([user, asked("a", "pending"), user])).toBeNull();
  expect(pendingItem([])).toBeNull();
});
