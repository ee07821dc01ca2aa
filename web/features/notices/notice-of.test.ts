import { expect, test } from "vitest";

import type { LiveEvent } from "@/features/live/user-stream";

import { noticeOf } from "./notice-of";

const about = { run_id: "run_1", conversation_id: "conv_1" };
const fired = { ...about, type: "schedule.fired", schedule_id: "sched_1", kind: "reminder", text: "call mum", due_at: "2027-03-01T09:00:00Z" };
const due = (isLate: boolean): LiveEvent => ({ kind: "schedule", fired: { ...fired, is_late: isLate } as never });

test("what is due is told wherever its conversation is not seen, late or not", () => {
  const told = { title: "Reminder", body: "call mum", runId: "run_1", conversationId: "conv_1" };
  expect(noticeOf(due(false), false, "/dashboard/chat?c=conv_1")).toEqual(told);
  expect(noticeOf(due(true), true, "/dashboard/tasks")).toEqual({ ...told, title: "Reminder (late)" });
  expect(noticeOf(due(false), true, "/dashboard/chat?c=conv_1")).toBeNull();
});

test("an answer that waits is told to who looks at something else, and nothing else is", () => {
  const waiting: LiveEvent = { kind: "run", run: { ...about, type: "run.waiting", epoch: 1 } as never };
  expect(noticeOf(waiting, false, "/")?.title).toBe("Natter waits for you");
  expect(noticeOf(waiting, true, "/")).toBeNull();
  expect(noticeOf({ kind: "open" }, false, "/")).toBeNull();
});
