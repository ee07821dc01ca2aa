/** The todos of a user, over HTTP. */
import { call } from "@/lib/http";
import type { components } from "@/generated/conversation-api.gen";

import type { TaskView } from "./task-order";

export type Task = components["schemas"]["Task"];
export type Due = NonNullable<Task["due"]>;
export type TaskPage = components["schemas"]["TaskList"];
export type TaskCounts = NonNullable<TaskPage["counts"]>;
export type TaskMove = Readonly<{ to: "first" | "last" }> | Readonly<{ to: "before" | "after"; task_id: string }>;
/** `due`: null takes the date away. */
export type TaskChange = Partial<Pick<Task, "title" | "completed" | "due"> & { description: string }>;
export type NewTask = Readonly<{ title: string; due?: Due }>;

export const PAGE_TASKS = 100;
const PAGES_MAX = 10;

export class TaskApi {
  private readonly url: string;

  constructor(userId: string) {
    this.url = `/api/${encodeURIComponent(userId)}/tasks`;
  }

  /** A page of what a view shows, in the order of the list. */
  page({ filter, search }: TaskView, after: string | null = null, limit = PAGE_TASKS): Promise<TaskPage> {
    const query = new URLSearchParams({
      sort: "list",
      limit: String(limit),
      ...(filter === "all" ? {} : { filter }),
      ...(search === "" ? {} : { q: search }),
      ...(after === null ? {} : { after }),
    });
    return call<TaskPage>("GET", `${this.url}?${query}`);
  }

  /** All tasks, page by page, up to a thousand. */
  async list(): Promise<Task[]> {
    const tasks: Task[] = [];
    let after: string | null = null;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const answer: TaskPage = await this.page({ filter: "all", search: "" }, after);
      tasks.push(...answer.data);
      after = answer.after;
      if (!answer.has_more || after === null) break;
    }
    return tasks;
  }

  add(task: NewTask): Promise<Task> {
    return call<Task>("POST", this.url, task);
  }

  change(taskId: string, change: TaskChange | { move: TaskMove }): Promise<Task> {
    return call<Task>("PATCH", `${this.url}/${encodeURIComponent(taskId)}`, change);
  }

  async remove(taskId: string): Promise<void> {
    await call<unknown>("DELETE", `${this.url}/${encodeURIComponent(taskId)}`);
  }

  restore(taskId: string): Promise<Task> {
    return call<Task>("POST", `${this.url}/${encodeURIComponent(taskId)}/restore`);
  }

  clear(): Promise<components["schemas"]["ClearedTasks"]> {
    return call("POST", `${this.url}/clear`);
  }

  restoreCleared(clearedAt: string): Promise<components["schemas"]["RestoredTasks"]> {
    return call("POST", `${this.url}/restore`, { cleared_at: clearedAt });
  }
}
