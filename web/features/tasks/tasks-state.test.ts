import { describe, expect, test } from "vitest";

import type { Task } from "./task-api";
import {
  countTasks,
  EMPTY_TASKS,
  filterTasks,
  reduceTasks,
  shownTasks,
  type Mutation,
  type TasksAction,
  type TasksState,
} from "./tasks-state";

function task(id: string, minute: number, more: Partial<Task> = {}): Task {
  const at = new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
  return { id, title: id, description: null, completed: false, due: null, position: -minute, created_at: at, updated_at: at, ...more };
}

const after = (...actions: TasksAction[]): TasksState => actions.reduce(reduceTasks, EMPTY_TASKS);
const loaded = (...tasks: Task[]): TasksAction => ({ type: "loaded", tasks, isCut: false });
const started = (mutation: Mutation): TasksAction => ({ type: "mutation_started", mutation });
const titles = (state: TasksState) => shownTasks(state).map(({ title }) => title);

const ADD: Mutation = { kind: "add", id: "pending_1", title: "buy milk" };
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

test("filters and counts agree", () => {
  const tasks = [task("a", 1), task("b", 2, { completed: true })];
  expect(countTasks(tasks)).toEqual({ all: 2, open: 1, done: 1 });
  expect(filterTasks(tasks, "open").map(({ id }) => id)).toEqual(["a"]);
  expect(filterTasks(tasks, "done").map(({ id }) => id)).toEqual(["b"]);
  expect(filterTasks(tasks, "all")).toHaveLength(2);
});
