import { expect, test, vi } from "vitest";

import type { Task } from "@/features/tasks/task-api";

import { entitiesOf } from "./mentions";

const task = (id: string, title: string, completed = false): Task => ({
  id,
  title,
  description: null,
  due: null,
  position: 0,
  attachments: [],
  completed,
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00Z",
});

test("tasks are found by the words of their titles, open ones first, with one request while one types", async () => {
  const list = vi.fn(async () => [task("1", "Buy milk", true), task("2", "Buy oat milk"), task("3", "Call Ada")]);
  const { onTagSearch, onRequestPreview } = entitiesOf(list, () => {});
  const found = await onTagSearch?.("milk bu");
  expect(found?.map(({ id, group }) => [id, group])).toEqual([
    ["2", "Open"],
    ["1", "Done"],
  ]);
  expect(found?.[0]?.data).toEqual({ task_id: "2", completed: "false" });
  expect(JSON.stringify(await onRequestPreview?.({ id: "1", title: "" }))).toContain("Done");
  expect((await onRequestPreview?.({ id: "9", title: "" }))?.preview).toBeNull();
  expect(list).toHaveBeenCalledOnce();
});

test("a list that could not be read is asked for again", async () => {
  const read = vi.fn().mockRejectedValueOnce(new Error("away")).mockResolvedValue([]);
  const { onTagSearch } = entitiesOf(read, () => {});
  await expect(onTagSearch?.("a")).rejects.toThrow("away");
  await expect(onTagSearch?.("ab")).resolves.toEqual([]);
});
