/**
 * A view of the todo list as a state machine: the pages of it that were read, and changes that are not confirmed yet.
 *
 * No change is rolled back by hand: when one fails it is removed from `pending`, and the server's list shows again.
 */
import type { NewTask, Task, TaskChange, TaskCounts, TaskMove, TaskPage } from "./task-api";
import { compareTasks, isShown, isWholeList, moved, WHOLE_LIST, type TaskView } from "./task-order";

export type Mutation =
  | Readonly<{ kind: "add"; id: string; task: NewTask }>
  | Readonly<{ kind: "change"; id: string; taskId: string; change: TaskChange }>
  | Readonly<{ kind: "move"; id: string; taskId: string; move: TaskMove }>
  | Readonly<{ kind: "remove"; id: string; taskId: string }>
  | Readonly<{ kind: "restore"; id: string; taskId: string }>
  | Readonly<{ kind: "clear"; id: string }>
  | Readonly<{ kind: "restore_cleared"; id: string; clearedAt: string }>;

/** A change that the server refused, with what is needed to try it again. */
export type Failure = Readonly<{ mutation: Mutation; text: string }>;

export type TasksState = Readonly<{
  phase: "loading" | "ready" | "failed";
  view: TaskView;
  tasks: readonly Task[];
  /** Where the next page begins; null: everything was read. */
  after: string | null;
  /** The last task that was read: what comes behind it is on a page that was not. */
  last: Task | null;
  counts: TaskCounts | null;
  pending: readonly Mutation[];
  failures: readonly Failure[];
}>;

export type TasksAction =
  | Readonly<{ type: "view_changed"; view: TaskView }>
  | Readonly<{ type: "loaded"; view: TaskView; pages: readonly TaskPage[] }>
  | Readonly<{ type: "more_loaded"; view: TaskView; page: TaskPage }>
  | Readonly<{ type: "counted"; counts: TaskCounts }>
  | Readonly<{ type: "load_failed" }>
  | Readonly<{ type: "reloading" }>
  | Readonly<{ type: "mutation_started"; mutation: Mutation }>
  | Readonly<{ type: "mutation_saved"; mutation: Mutation; task: Task | null }>
  | Readonly<{ type: "mutation_failed"; mutation: Mutation; text: string }>
  | Readonly<{ type: "failure_dismissed"; mutation: Mutation }>
  | Readonly<{ type: "task_seen"; task: Task }>
  | Readonly<{ type: "task_gone"; taskId: string }>;

/** A task as it is shown: `isSaving` until the server has confirmed what is shown of it. */
export type ShownTask = Task & Readonly<{ isSaving: boolean }>;

export const EMPTY_TASKS: TasksState = {
  phase: "loading",
  view: WHOLE_LIST,
  tasks: [],
  after: null,
  last: null,
  counts: null,
  pending: [],
  failures: [],
};

export function reduceTasks(state: TasksState, action: TasksAction): TasksState {
  switch (action.type) {
    case "view_changed":
      // Where all there is was read, a narrower view needs no waiting, and no connection.
      if (isAllThereIs(state)) return { ...state, view: action.view };
      return { ...state, view: action.view, phase: "loading", tasks: [], after: null, last: null };
    case "loaded":
      return action.view === state.view ? loaded({ ...state, tasks: [] }, action.pages) : state;
    case "more_loaded":
      return action.view === state.view ? loaded(state, [action.page]) : state;
    case "counted":
      return { ...state, counts: action.counts };
    case "load_failed":
      // The list stays when it cannot be read again: old tasks are better than none.
      return state.phase === "ready" ? state : { ...state, phase: "failed" };
    case "reloading":
      return state.phase === "failed" ? { ...state, phase: "loading" } : state;
    case "mutation_started":
      return { ...withoutFailure(state, action.mutation), pending: [...state.pending, action.mutation] };
    case "mutation_saved":
      return saved(withoutPending(state, action.mutation), action.mutation, action.task);
    case "mutation_failed":
      return failed(state, action.mutation, action.text);
    case "failure_dismissed":
      return withoutFailure(state, action.mutation);
    case "task_seen":
      return seen(state, action.task);
    case "task_gone":
      return without(state, action.taskId);
    default:
      return action satisfies never;
  }
}

function isAllThereIs({ phase, view, after }: TasksState): boolean {
  return phase === "ready" && isWholeList(view) && after === null;
}

function loaded(state: TasksState, pages: readonly TaskPage[]): TasksState {
  const byId = new Map(state.tasks.map((task) => [task.id, task]));
  for (const task of pages.flatMap(({ data }) => data)) byId.set(task.id, task);
  const page = pages.at(-1);
  return {
    ...state,
    phase: "ready",
    tasks: [...byId.values()],
    after: page?.after ?? null,
    last: page?.data.at(-1) ?? state.last,
    counts: pages[0]?.counts ?? state.counts,
  };
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

function without(state: TasksState, taskId: string): TasksState {
  return { ...state, tasks: state.tasks.filter(({ id }) => id !== taskId) };
}

function saved(state: TasksState, mutation: Mutation, task: Task | null): TasksState {
  if (mutation.kind === "remove") return without(state, mutation.taskId);
  if (mutation.kind === "clear") return { ...state, tasks: state.tasks.filter(({ completed }) => !completed) };
  return task === null ? state : withTask(state, task);
}

/** The stream may bring a task of our own before the answer to our request does: it replaces the pending one. */
function seen(state: TasksState, task: Task): TasksState {
  const isNew = state.tasks.every(({ id }) => id !== task.id);
  const own = isNew && state.pending.find((mutation) => mutation.kind === "add" && mutation.task.title === task.title);
  return withTask(own ? withoutPending(state, own) : state, task);
}

/** Inserts or replaces a task, unless the one that is known is newer (the frame was a replayed one). */
function withTask(state: TasksState, task: Task): TasksState {
  const known = state.tasks.find(({ id }) => id === task.id);
  if (known !== undefined && Date.parse(task.updated_at) < Date.parse(known.updated_at)) return state;
  const isOnAPageThatWasRead =
    state.after === null || state.last === null || compareTasks(task, state.last, state.view.filter) <= 0;
  if (!isShown(task, state.view) || !isOnAPageThatWasRead) return without(state, task.id);
  const others = known === undefined ? state.tasks : without(state, task.id).tasks;
  return { ...state, tasks: [...others, task] };
}

/** Of one task always the same object, so that a row of a long list is rendered again only where it has changed. */
const SHOWN = new WeakMap<Task, ShownTask>();

function shownOf(task: Task): ShownTask {
  const shown = SHOWN.get(task) ?? { ...task, isSaving: false };
  SHOWN.set(task, shown);
  return shown;
}

/** The tasks to show in the order of the list, as if every pending change had succeeded. */
export function shownTasks(state: TasksState): ShownTask[] {
  const byId = new Map<string, ShownTask>(state.tasks.map((task) => [task.id, shownOf(task)]));
  for (const mutation of state.pending) applyPending(byId, mutation);
  const shown = [...byId.values()].filter((task) => isShown(task, state.view));
  shown.sort((left, right) => compareTasks(left, right, state.view.filter));
  return state.pending.reduce(
    (tasks, mutation) => (mutation.kind === "move" ? moved(tasks, mutation.taskId, mutation.move) : tasks),
    shown,
  );
}

function applyPending(byId: Map<string, ShownTask>, mutation: Mutation): void {
  if (mutation.kind === "add") byId.set(mutation.id, pendingTask(mutation.id, mutation.task));
  if (mutation.kind === "remove") byId.delete(mutation.taskId);
  if (mutation.kind === "clear") byId.forEach((task) => task.completed && byId.delete(task.id));
  if (mutation.kind !== "change") return;
  const task = byId.get(mutation.taskId);
  if (task) byId.set(task.id, { ...task, ...mutation.change, isSaving: true });
}

function pendingTask(id: string, { title, due }: NewTask): ShownTask {
  const future = new Date(8.64e15).toISOString();
  const untold = { description: null, completed: false, position: -Infinity, attachments: [] };
  return { id, title, ...untold, due: due ?? null, created_at: future, updated_at: future, isSaving: true };
}

/** Of the whole list: counted here where all of it was read, and as the server has counted it where not. */
export function countTasks(state: TasksState, shown: readonly Task[]): TaskCounts {
  if (!isAllThereIs(state)) return state.counts ?? { open: 0, done: 0, due: 0 };
  const open = shown.filter(({ completed }) => !completed);
  return { open: open.length, done: shown.length - open.length, due: open.filter(({ due }) => due !== null).length };
}
