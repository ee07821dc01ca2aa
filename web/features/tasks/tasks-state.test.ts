import { describe, expect, test } from "vitest";

import type { Task, TaskMove } from "./task-api";
import { moveOver, WHOLE_LIST, type TaskFilter } from "./task-order";
import {
  countTasks,
  EMPTY_TASKS,
  reduceTasks,
  shownTasks,
  type Mutation,
  type TasksAction,
  type TasksState,
} from "./tasks-state";

function task(id: string, minute: number, more: Partial<Task> = {}): Task {
  const at = new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
  return { id, title: id, description: null, completed: false, due: null, position: -minute, attachments: [], created_at: at, updated_at: at, ...more };
}

const after = (...actions: TasksAction[]): TasksState => actions.reduce(reduceTasks, EMPTY_TASKS);
const page = (tasks: Task[], after: string | null = null) => ({ data: tasks, has_more: after !== null, after, counts: null });
const loaded = (...tasks: Task[]): TasksAction => ({ type: "loaded", view: WHOLE_LIST, pages: [page(tasks)] });
const started = (mutation: Mutation): TasksAction => ({ type: "mutation_started", mutation });
const titles = (state: TasksState) => shownTasks(state).map(({ title }) => title);

const ADD: Mutation = { kind: "add", id: "pending_1", task: { title: "buy milk" } };
const COMPLETE: Mutation = { kind: "change", id: "pending_2", taskId: "a", change: { completed: true } };
const REMOVE: Mutation = { kind: "remove", id: "pending_3", taskId: "a" };

describe("what is on its way shows at once", () => {
  test("an added task is first, and is replaced by the stored one", () => {
    const state = after(loaded(task("a", 1)), started(ADD));
    expect(titles(state)).toEqual(["buy milk", "a"]);
    expect(shownTasks(state)[0]?.isSaving).toBe(true);
    const saved = reduceTasks(state, { type: "mutation_saved", mutation: ADD, task: task("t1", 2, { title: "buy milk" }) });
    expect(shownTasks(saved).map(({ id, isSaving }) => [id, isSaving])).toEqual([["t1", false], ["a", false]]);
  });

  test("the stream may tell of it before the answer does: it is there once", () => {
    const stored = task("t1", 2, { title: "buy milk" });
    const state = after(loaded(), started(ADD), { type: "task_seen", task: stored });
    expect(shownTasks(state).map(({ id }) => id)).toEqual(["t1"]);
    const both = reduceTasks(state, { type: "mutation_saved", mutation: ADD, task: stored });
    expect(shownTasks(both)).toHaveLength(1);
  });

  test("an answer that was lost after the stream confirmed it is no failure", () => {
    const state = after(loaded(), started(ADD), { type: "task_seen", task: task("t1", 2, { title: "buy milk" }) });
    expect(reduceTasks(state, { type: "mutation_failed", mutation: ADD, text: "no" }).failures).toEqual([]);
  });

  test("completing and deleting show before they are stored", () => {
    expect(shownTasks(after(loaded(task("a", 1)), started(COMPLETE)))[0]?.completed).toBe(true);
    expect(titles(after(loaded(task("a", 1)), started(REMOVE)))).toEqual([]);
  });
});

describe("what failed is rolled back", () => {
  test.each([ADD, COMPLETE, REMOVE])("$kind", (mutation) => {
    const before = after(loaded(task("a", 1)));
    const failed = reduceTasks(reduceTasks(before, started(mutation)), { type: "mutation_failed", mutation, text: "no" });
    expect(shownTasks(failed)).toEqual(shownTasks(before));
    expect(failed.failures).toEqual([{ mutation, text: "no" }]);
  });

  test("each failure stays until it is tried again or dismissed", () => {
    let state = after(loaded(), started(ADD), { type: "mutation_failed", mutation: ADD, text: "no" });
    state = reduceTasks(state, started(COMPLETE));
    expect(state.failures).toHaveLength(1);
    expect(reduceTasks(state, started(ADD)).failures).toEqual([]);
    expect(reduceTasks(state, { type: "failure_dismissed", mutation: ADD }).failures).toEqual([]);
  });

  test("another change of the same task survives the one that failed", () => {
    const rename: Mutation = { kind: "change", id: "pending_4", taskId: "a", change: { title: "b" } };
    const actions = [loaded(task("a", 1)), started(COMPLETE), started(rename)];
    const state = after(...actions, { type: "mutation_failed", mutation: COMPLETE, text: "no" });
    expect(shownTasks(state)[0]).toMatchObject({ title: "b", completed: false });
  });
});

describe("what others do", () => {
  test("shows, but not when it is older than what is known", () => {
    const newer = task("a", 1, { title: "new", updated_at: task("x", 5).updated_at });
    const state = after(loaded(newer), { type: "task_seen", task: task("a", 1, { title: "old" }) });
    expect(titles(state)).toEqual(["new"]);
    expect(titles(reduceTasks(state, { type: "task_gone", taskId: "a" }))).toEqual([]);
  });
});

describe("loading", () => {
  test("a list that is shown stays when it cannot be loaded again", () => {
    expect(after({ type: "load_failed" }).phase).toBe("failed");
    expect(after({ type: "load_failed" }, { type: "reloading" }).phase).toBe("loading");
    const state = after(loaded(task("a", 1)), { type: "load_failed" });
    expect(state.phase).toBe("ready");
    expect(titles(state)).toEqual(["a"]);
  });
});

describe("a view", () => {
  const view = (filter: TaskFilter, search = "") => ({ type: "view_changed", view: { filter, search } }) as const;
  const due = (day: number) => ({ at: `2026-12-0${day}T09:00:00Z`, zone: "UTC", all_day: false });
  const tasks = [task("a", 3, { due: due(5) }), task("b", 2, { completed: true, due: due(1) }), task("c", 1, { due: due(4) })];

  test("has open before completed ones, each as their owner has put them; what is due by its date", () => {
    expect(titles(after(loaded(...tasks)))).toEqual(["a", "c", "b"]);
    expect(titles(after(loaded(...tasks), view("open")))).toEqual(["a", "c"]);
    expect(titles(after(loaded(...tasks), view("done")))).toEqual(["b"]);
    expect(titles(after(loaded(...tasks), view("due")))).toEqual(["c", "a"]);
    expect(titles(after(loaded(...tasks), view("all", "B")))).toEqual(["b"]);
    expect(countTasks(after(loaded(...tasks)), tasks)).toEqual({ open: 2, done: 1, due: 2 });
  });

  test("waits for the server where not all was read, and does not take the answer to another question", () => {
    const part = after({ type: "loaded", view: WHOLE_LIST, pages: [page(tasks, "next")] });
    const asked = reduceTasks(part, view("done"));
    expect([asked.phase, asked.tasks]).toEqual(["loading", []]);
    expect(reduceTasks(asked, loaded(...tasks)).phase).toBe("loading");
  });

  test("shows of what is new what is on the pages that were read", () => {
    const part = after({ type: "loaded", view: WHOLE_LIST, pages: [page(tasks.slice(0, 1), "next")] });
    expect(titles(reduceTasks(part, { type: "task_seen", task: task("top", 9) }))).toEqual(["top", "a"]);
    expect(titles(reduceTasks(part, { type: "task_seen", task: task("behind", 2) }))).toEqual(["a"]);
    const more = { type: "more_loaded", view: WHOLE_LIST, page: page(tasks.slice(1)) } as const;
    expect(titles(reduceTasks(part, more))).toEqual(["a", "c", "b"]);
    expect(titles(reduceTasks(part, { type: "task_seen", task: task("a", 3, { completed: true }) }))).toEqual([]);
  });

  test("shows what is moved or cleared before it is stored", () => {
    const state = after(loaded(...tasks));
    const move = (to: TaskMove) => started({ kind: "move", id: "pending_9", taskId: "c", move: to });
    expect(titles(reduceTasks(state, move({ to: "before", task_id: "a" })))).toEqual(["c", "a", "b"]);
    expect(titles(reduceTasks(state, started({ kind: "clear", id: "pending_9" })))).toEqual(["a", "c"]);
    const below = task("a", 0, { updated_at: task("x", 5).updated_at });
    const saved = { kind: "move", id: "pending_9", taskId: "a", move: { to: "after", task_id: "c" } } as const;
    expect(titles(reduceTasks(state, { type: "mutation_saved", mutation: saved, task: below }))).toEqual(["c", "a", "b"]);
  });
});

test("what is dropped beyond its own kind goes to the end of it", () => {
  const tasks = [task("a", 4), task("b", 3), task("c", 2, { completed: true }), task("d", 1, { completed: true })];
  expect(moveOver(tasks, "a", "b")).toEqual({ to: "after", task_id: "b" });
  expect(moveOver(tasks, "b", "a")).toEqual({ to: "before", task_id: "a" });
  expect(moveOver(tasks, "a", "d")).toEqual({ to: "after", task_id: "b" });
  expect(moveOver(tasks, "d", "a")).toEqual({ to: "before", task_id: "c" });
  expect(moveOver(tasks, "b", "c")).toBeNull();
  expect(moveOver(tasks, "a", "a")).toBeNull();
});
