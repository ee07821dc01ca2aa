/** What can be mentioned with `@` here: the reader's tasks, where the assistant works with those. */
import type { ChatKitOptions, Entity } from "@openai/chatkit";

import type { Task } from "@/features/tasks/task-api";
import { TaskApi } from "@/features/tasks/task-api";

const TASKS_KEPT_MS = 5_000;

/** @param list gives the reader's tasks; what it gave is used for a few seconds, for as long as one types. */
export function entitiesOf(list: () => Promise<readonly Task[]>, open: () => void): NonNullable<ChatKitOptions["entities"]> {
  let asked: { atMs: number; tasks: Promise<readonly Task[]> } | null = null;
  const tasks = () => {
    if (asked === null || Date.now() - asked.atMs > TASKS_KEPT_MS) asked = { atMs: Date.now(), tasks: list() };
    asked.tasks.catch(() => (asked = null)); // what could not be read is asked for again with the next letter
    return asked.tasks;
  };
  return {
    showComposerMenu: true,
    onTagSearch: async (query) => found(await tasks(), query),
    onClick: open,
    onRequestPreview: async ({ id }) => {
      const task = (await tasks()).find(({ id: taskId }) => taskId === id);
      return { preview: task ? preview(task) : null };
    },
  };
}

export function taskEntities(userId: string): NonNullable<ChatKitOptions["entities"]> {
  const api = new TaskApi(userId);
  return entitiesOf(async () => (await api.list()).tasks, () => window.location.assign("/dashboard"));
}

/** Those whose title has every word that was typed; what is open comes first. */
function found(tasks: readonly Task[], query: string): Entity[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return tasks
    .filter(({ title }) => words.every((word) => title.toLowerCase().includes(word)))
    .sort((a, b) => Number(a.completed) - Number(b.completed))
    .map(({ id, title, completed }) => ({
      id,
      title,
      icon: completed ? "check-circle" : "empty-circle",
      group: completed ? "Done" : "Open",
      interactive: true,
      data: { task_id: id, completed: String(completed) },
    }));
}

type Preview = Awaited<ReturnType<NonNullable<NonNullable<ChatKitOptions["entities"]>["onRequestPreview"]>>>["preview"];

function preview({ title, description, completed }: Task): Preview {
  return {
    type: "Basic",
    children: [
      { type: "Text", value: title, weight: "semibold" },
      ...(description ? [{ type: "Text" as const, value: description }] : []),
      { type: "Badge", label: completed ? "Done" : "Open", color: completed ? "success" : "info" },
    ],
  };
}
