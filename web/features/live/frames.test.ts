import { expect, test } from "vitest";

import { readFrame } from "./frames";

test("named frames are read, everything else passes by", () => {
  const run = { type: "run.completed", run_id: "run_1", conversation_id: "conv_1", epoch: 1 };
  expect(readFrame({ event: "run", data: JSON.stringify(run) })).toEqual({ kind: "run", run });
  expect(readFrame({ event: "reset", data: '{"reason":"expired"}' })).toEqual({ kind: "reset", reset: { reason: "expired" } });
  const fired = { type: "schedule.fired", text: "call mum", run_id: "run_1", conversation_id: "conv_1" };
  expect(readFrame({ event: "schedule", data: JSON.stringify(fired) })).toEqual({ kind: "schedule", fired });
  const deleted = { type: "conversation.deleted", conversation_id: "conv_1" };
  expect(readFrame({ event: "conversation", data: JSON.stringify(deleted) })).toEqual({ kind: "conversation_deleted", conversationId: "conv_1" });
  expect(readFrame({ event: "message", data: '{"type":"thread.item.done"}' })).toBeNull();
  expect(readFrame({ event: "of_the_future", data: "{}" })).toBeNull();
  expect(readFrame({ event: "task", data: "not json" })).toBeNull();
});
