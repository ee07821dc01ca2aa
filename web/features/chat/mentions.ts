/**
 * What can be mentioned with `@` here: the reader's tasks, where the assistant works with those, and what its servers let
 * people read; and with `/` the prompts of its servers. What is chosen goes with the message, as a tag.
 */
import type { ChatKitOptions, Entity } from "@openai/chatkit";

import type { Task } from "@/features/tasks/task-api";
import { TaskApi } from "@/features/tasks/task-api";

import type { Assistant } from "./use-assistants";

type Entities = NonNullable<ChatKitOptions["entities"]>;
type Commands = NonNullable<ChatKitOptions["commands"]>;

const TASKS_KEPT_MS = 5_000;

/** @param list gives the reader's tasks; what it gave is used for a few seconds, for as long as one types. */
export function entitiesOf(list: () => Promise<readonly Task[]>, open: () => void): Entities {
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

export function taskEntities(userId: string): Entities {
  const api = new TaskApi(userId);
  return entitiesOf(() => api.list(), () => window.location.assign("/dashboard"));
}

/** What an assistant's servers let people read. */
export function resourceEntities(resources: Assistant["resources"]): Entities {
  return {
    showComposerMenu: true,
    onTagSearch: async (query) =>
      resources
        .filter(({ label }) => hasWords(label, query))
        .map(({ id, label, group }) => ({ id, title: label, group, icon: "document", interactive: false })),
  };
}

/** Entities of two kinds; what can be looked at and clicked is of the first. */
export function both(first: Entities, second: Entities): Entities {
  const search = async (query: string) => {
    const found = await Promise.all([first.onTagSearch?.(query), second.onTagSearch?.(query)]);
    return found.flatMap((entities) => entities ?? []);
  };
  return { ...first, onTagSearch: search };
}

/** The prompts of an assistant's servers: one that is chosen stands in the message as a tag. */
export function commandsOf(prompts: Assistant["commands"]): Commands {
  return {
    enabled: true,
    onSearch: async (query) =>
      prompts
        .filter(({ label }) => hasWords(label, query))
        .map(({ id, label, description }) => ({ id, label, icon: "bolt", ...(description ? { description } : {}) })),
    onSelect: async ({ id, label }) => ({ type: "entity", entity: { id, title: label, icon: "bolt", interactive: false } }),
  };
}

/** Whether a title has every word that was typed. */
function hasWords(title: string, query: string): boolean {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return words.every((word) => title.toLowerCase().includes(word));
}

/** What is open comes first. */
function found(tasks: readonly Task[], query: string): Entity[] {
  return tasks
    .filter(({ title }) => hasWords(title, query))
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
