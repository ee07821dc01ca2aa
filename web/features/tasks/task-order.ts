/** Which tasks a view shows, and in which order: the same as the store's (`sort=list`). */
import type { Task, TaskMove } from "./task-api";

export type TaskFilter = "all" | "open" | "due" | "done";
export type TaskView = Readonly<{ filter: TaskFilter; search: string }>;

export const WHOLE_LIST: TaskView = { filter: "all", search: "" };

export function isWholeList({ filter, search }: TaskView): boolean {
  return filter === "all" && search === "";
}

export function parseFilter(value: string | null | undefined): TaskFilter {
  return value === "open" || value === "due" || value === "done" ? value : "all";
}

export function isShown(task: Task, { filter, search }: TaskView): boolean {
  const wanted = search.toLowerCase();
  const isFound = [task.title, task.description ?? ""].some((text) => text.toLowerCase().includes(wanted));
  if (!isFound || filter === "all") return isFound;
  if (filter === "due") return !task.completed && task.due !== null;
  return task.completed === (filter === "done");
}

/** Open before completed, and each as its owner has put them; what is due by its date. */
export function compareTasks(left: Task, right: Task, filter: TaskFilter): number {
  if (filter === "due") return byNumber(dueTime(left), dueTime(right)) || byId(left, right);
  return Number(left.completed) - Number(right.completed) || byNumber(left.position, right.position) || byId(left, right);
}

function dueTime({ due }: Task): number {
  return due === null ? Infinity : Date.parse(due.at);
}

/** No difference of two: both may be infinite. */
function byNumber(left: number, right: number): number {
  return left === right ? 0 : left < right ? -1 : 1;
}

function byId(left: Task, right: Task): number {
  return left.id < right.id ? -1 : left.id > right.id ? 1 : 0;
}

/** The list with one task put elsewhere; as it is, where the other task is not in it. */
export function moved<T extends Task>(tasks: readonly T[], taskId: string, move: TaskMove): T[] {
  const task = tasks.find(({ id }) => id === taskId);
  const others = tasks.filter(({ id }) => id !== taskId);
  if (task === undefined) return others;
  if (move.to === "first") return [task, ...others];
  if (move.to === "last" || !("task_id" in move)) return [...others, task];
  const beside = others.findIndex(({ id }) => id === move.task_id);
  if (beside === -1) return [...tasks];
  return others.toSpliced(move.to === "before" ? beside : beside + 1, 0, task);
}

/**
 * Where a task was dropped that was taken over another one. An open one stays among the open ones, a completed one
 * among those: there it becomes the last or the first.
 */
export function moveOver<T extends Task>(tasks: readonly T[], taskId: string, overId: string): TaskMove | null {
  const from = tasks.findIndex(({ id }) => id === taskId);
  const over = tasks.findIndex(({ id }) => id === overId);
  const task = tasks[from];
  if (task === undefined || over === -1 || from === over) return null;
  const isDown = over > from;
  const own = tasks.filter((other) => other.completed === task.completed);
  const target = tasks[over]?.completed === task.completed ? tasks[over] : isDown ? own.at(-1) : own[0];
  if (target === undefined || target.id === taskId) return null;
  return { to: isDown ? "after" : "before", task_id: target.id };
}
