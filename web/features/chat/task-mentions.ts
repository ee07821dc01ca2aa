/** Todos can be mentioned in the chat: found by `@`, looked at, clicked. The assistant is told which todo is meant. */
import type { ChatKitOptions, Entity, Widgets } from "@openai/chatkit";

import { type Task, TaskApi } from "@/features/tasks/task-api";

const FOUND_MAX = 8;
/** What was read serves the letters that follow. */
const READ_AGAIN_MS = 5_000;

/** Those whose title has every word of the query; open ones first, then the newest. */
export function matchingTasks(tasks: readonly Task[], query: string): Task[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return tasks
    .filter(({ title }) => words.every((word) => title.toLowerCase().includes(word)))
    .sort((a, b) => Number(a.completed) - Number(b.completed) || b.created_at.localeCompare(a.created_at))
    .slice(0, FOUND_MAX);
}

export function entityOf({ id, title, completed }: Task): Entity {
  return {
    id,
    title,
    icon: completed ? "check-circle" : "empty-circle",
    group: completed ? "Done" : "Open",
    interactive: true,
    data: { kind: "task", task_id: id },
  };
}

export function previewOf({ title, description, completed }: Task): Widgets.BasicRoot {
  const state = completed ? ({ label: "Done", color: "success" } as const) : ({ label: "Open", color: "info" } as const);
  return {
    type: "Basic",
    gap: 2,
    children: [
      { type: "Row", gap: 3, align: "start", children: [{ type: "Text", value: title, weight: "semibold" }, { type: "Badge", ...state }] },
      ...(description ? [{ type: "Text" as const, value: description, size: "sm" as const, color: "secondary", maxLines: 4 }] : []),
    ],
  };
}

export function taskEntities(userId: string, open: (taskId: string) => void): NonNullable<ChatKitOptions["entities"]> {
  const api = new TaskApi(userId);
  let read: { at: number; tasks: Promise<Task[]> } | undefined;
  const list = (): Promise<Task[]> => {
    if (!read || Date.now() - read.at > READ_AGAIN_MS) read = { at: Date.now(), tasks: api.list().then(({ tasks }) => tasks) };
    // What could not be read is asked for again with the next letter.
    read.tasks.catch(() => (read = undefined));
    return read.tasks;
  };
  return {
    showComposerMenu: true,
    onTagSearch: async (query) => matchingTasks(await list(), query).map(entityOf),
    onClick: ({ id }) => open(id),
    onRequestPreview: async ({ id }) => {
      const task = (await list()).find((one) => one.id === id);
      return { preview: task ? previewOf(task) : null };
    },
  };
}
