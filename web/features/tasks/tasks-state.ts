/**
 * The todo list as a state machine: the list as the server has it, and changes that it has not confirmed yet.
 *
 * No change is rolled back by hand: when one fails it is removed from `pending`, and the server's list shows again.
 */
import type { Task, TaskChange } from "./task-api";

export type Mutation =
  | Readonly<{ kind: "add"; id: string; title: string }>
  | Readonly<{ kind: "change"; id: string; taskId: string; change: TaskChange }>
  | Readonly<{ kind: "remove"; id: string; taskId: string }>;

/** A change that the server refused, with what is needed to try it again. */
export type Failure = Readonly<{ mutation: Mutation; text: string }>;

export type TasksState = Readonly<{
  phase: "loading" | "ready" | "failed";
  tasks: readonly Task[];
  pending: readonly Mutation[];
  failures: readonly Failure[];
  isCut: boolean;
}>;

export type TasksAction =
  | Readonly<{ type: "loaded"; tasks: readonly Task[]; isCut: boolean }>
  | Readonly<{ type: "load_failed" }>
  | Readonly<{ type: "reloading" }>
  | Readonly<{ type: "mutation_started"; mutation: Mutation }>
  | Readonly<{ type: "mutation_saved"; mutation: Mutation; task: Task | null }>
  | Readonly<{ type: "mutation_undone"; mutation: Mutation }>
  | Readonly<{ type: "mutation_failed"; mutation: Mutation; text: string }>
  | Readonly<{ type: "failure_dismissed"; mutation: Mutation }>
  | Readonly<{ type: "task_seen"; task: Task }>
  | Readonly<{ type: "task_gone"; taskId: string }>;

export type TaskFilter = "all" | "open" | "done";

/** A task as it is shown: `isSaving` until the server has confirmed what is shown of it. */
export type ShownTask = Task & Readonly<{ isSaving: boolean }>;

export const EMPTY_TASKS: TasksState = { phase: "loading", tasks: [], pending: [], failures: [], isCut: false };

export function reduceTasks(state: TasksState, action: TasksAction): TasksState {
  switch (action.type) {
    case "loaded":
      return { ...state, phase: "ready", tasks: action.tasks, isCut: action.isCut };
    case "load_failed":
      // The list stays when it cannot be read again: old tasks are better than none.
      return state.phase === "ready" ? state : { ...state, phase: "failed" };
    case "reloading":
      return state.phase === "failed" ? { ...state, phase: "loading" } : state;
    case "mutation_started":
      return { ...withoutFailure(state, action.mutation), pending: [...state.pending, action.mutation] };
    case "mutation_saved":
      return saved(withoutPending(state, action.mutation), action.mutation, action.task);
    case "mutation_undone":
      return withoutPending(state, action.mutation);
    case "mutation_failed":
      return failed(state, action.mutation, action.text);
    case "failure_dismissed":
      return withoutFailure(state, action.mutation);
    case "task_seen":
      return seen(state, action.task);
    case "task_gone":
      return { ...state, tasks: state.tasks.filter((task) => task.id !== action.taskId) };
    default:
      return action satisfies never;
  }
}

function withoutPending(state: TasksState, mutation: Mutation): TasksState {
  return { ...state, pending: state.pending.filter(({ id }) => id !== mutation.id) };
}

/** A change that the stream has confirmed did not fail, even if its answer was lost. */
function failed(state: TasksState, mutation: Mutation, text: string): TasksState {
  const isPending = state.pending.some(({ id }) => id === mutation.id);
  if (!isPending) return state;
  return { ...withoutPending(state, mutation), failures: [...state.failures, { mutation, text }] };
}

function withoutFailure(state: TasksState, mutation: Mutation): TasksState {
  return { ...state, failures: state.failures.filter((failure) => failure.mutation.id !== mutation.id) };
}

function saved(state: TasksState, mutation: Mutation, task: Task | null): TasksState {
  if (mutation.kind === "remove") {
    return { ...state, tasks: state.tasks.filter(({ id }) => id !== mutation.taskId) };
  }
  return task === null ? state : { ...state, tasks: withTask(state.tasks, task) };
}

/** The stream may bring a task of our own before the answer to our request does: it replaces the pending one. */
function seen(state: TasksState, task: Task): TasksState {
  const isNew = state.tasks.every(({ id }) => id !== task.id);
  const own = isNew && state.pending.find((mutation) => mutation.kind === "add" && mutation.title === task.title);
  return { ...(own ? withoutPending(state, own) : state), tasks: withTask(state.tasks, task) };
}

/** Inserts or replaces a task, unless the one that is known is newer (the frame was a replayed one). */
function withTask(tasks: readonly Task[], task: Task): readonly Task[] {
  const known = tasks.find(({ id }) => id === task.id);
  if (known === undefined) return [...tasks, task];
  if (Date.parse(task.updated_at) < Date.parse(known.updated_at)) return tasks;
  return tasks.map((other) => (other.id === task.id ? task : other));
}

/** The tasks to show in the order of the list, as if every pending change had succeeded. */
export function shownTasks(state: TasksState): ShownTask[] {
  const byId = new Map<string, ShownTask>(state.tasks.map((task) => [task.id, { ...task, isSaving: false }]));
  for (const mutation of state.pending) applyPending(byId, mutation);
  return [...byId.values()].sort(inOrder);
}

function applyPending(byId: Map<string, ShownTask>, mutation: Mutation): void {
  if (mutation.kind === "add") {
    byId.set(mutation.id, pendingTask(mutation.id, mutation.title));
    return;
  }
  const task = byId.get(mutation.taskId);
  if (mutation.kind === "remove") byId.delete(mutation.taskId);
  else if (task) byId.set(task.id, { ...task, ...mutation.change, isSaving: true });
}

function pendingTask(id: string, title: string): ShownTask {
  const future = new Date(8.64e15).toISOString();
  const untold = { description: null, completed: false, due: null, position: -Infinity };
  return { id, title, ...untold, created_at: future, updated_at: future, isSaving: true };
}

/** As the store has it (`sort=list`): open before completed, and each as its owner has put them. */
function inOrder(left: Task, right: Task): number {
  if (left.completed !== right.completed) return left.completed ? 1 : -1;
  if (left.position !== right.position) return left.position < right.position ? -1 : 1;
  return left.id < right.id ? -1 : 1;
}

export function filterTasks<T extends Task>(tasks: readonly T[], filter: TaskFilter): T[] {
  return tasks.filter((task) => filter === "all" || task.completed === (filter === "done"));
}

export function countTasks(tasks: readonly Task[]): Record<TaskFilter, number> {
  const done = tasks.filter((task) => task.completed).length;
  return { all: tasks.length, open: tasks.length - done, done };
}

export function parseFilter(value: string | null | undefined): TaskFilter {
  return value === "open" || value === "done" ? value : "all";
}
