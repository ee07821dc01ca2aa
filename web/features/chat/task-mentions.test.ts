import { expect, test } from "vitest";

import type { Task } from "@/features/tasks/task-api";

import { entityOf, matchingTasks, previewOf } from "./task-mentions";

const task = (id: string, title: string, completed: boolean, day: number): Task =>
  ({ id, title, completed, description: "", created_at: `2026-01-0${day}T00:00:00Z`, updated_at: "2026-01-01T00:00:00Z" }) as Task;

const tasks = [task("a", "Buy milk", true, 3), task("b", "Buy tea", false, 1), task("c", "Write to Ada", false, 2), task("d", "buy TEA cups", false, 4)];

test("todos are found by every word, the open and new ones first", () => {
  const found = (query: string) => matchingTasks(tasks, query).map(({ id }) => id);
  expect(found("")).toEqual(["d", "c", "b", "a"]);
  expect(found("buy")).toEqual(["d", "b", "a"]);
  expect(found("tea buy")).toEqual(["d", "b"]);
  expect(found("nothing")).toEqual([]);
});

test("a mention says which todo it is, and its card what has become of it", () => {
  expect(entityOf(tasks[0] as Task)).toMatchObject({ id: "a", title: "Buy milk", group: "Done", data: { kind: "task", task_id: "a" } });
  expect(JSON.stringify(previewOf(tasks[1] as Task))).toContain('"label":"Open"');
});
