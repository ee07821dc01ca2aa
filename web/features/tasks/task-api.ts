/** The todos of a user, over HTTP. */
import { call } from "@/lib/http";
import type { components } from "@/generated/conversation-api.gen";

export type Task = components["schemas"]["Task"];
type TaskList = components["schemas"]["TaskList"];
export type TaskChange = Partial<Pick<Task, "title" | "completed">>;

const PAGE_TASKS = 100;
const PAGES_MAX = 10;

export class TaskApi {
  private readonly url: string;

  constructor(userId: string) {
    this.url = `/api/${encodeURIComponent(userId)}/tasks`;
  }

  /** All tasks, page by page; `isCut` when there are more than a thousand. */
  async list(): Promise<{ tasks: Task[]; isCut: boolean }> {
    const tasks: Task[] = [];
    let after: string | null | undefined;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const query = new URLSearchParams({ sort: "list", limit: String(PAGE_TASKS), ...(after ? { after } : {}) });
      const answer = await call<TaskList>("GET", `${this.url}?${query}`);
      tasks.push(...answer.data);
      if (!answer.has_more || !answer.after) return { tasks, isCut: false };
      after = answer.after;
    }
    return { tasks, isCut: true };
  }

  add(title: string): Promise<Task> {
    return call<Task>("POST", this.url, { title });
  }

  change(taskId: string, change: TaskChange): Promise<Task> {
    return call<Task>("PATCH", `${this.url}/${encodeURIComponent(taskId)}`, change);
  }

  async remove(taskId: string): Promise<void> {
    await call<unknown>("DELETE", `${this.url}/${encodeURIComponent(taskId)}`);
  }
}
