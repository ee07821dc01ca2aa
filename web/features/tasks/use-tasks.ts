"use client";

/** The live todo list: loads it, changes it optimistically, and applies what the assistant or another tab changes. */
import { useCallback, useEffect, useMemo, useReducer, useRef, useState, type RefObject } from "react";

import { leaveAsExpired } from "@/features/auth/auth-client";
import { useUserStream } from "@/features/live/user-stream";
import { useUndo } from "@/features/undo/undo";
import type { TaskChanged } from "@/generated/contracts.gen";
import { errorText } from "@/lib/error-text";
import { CallError } from "@/lib/http";

import { TaskApi, type Task, type TaskChange } from "./task-api";
import { EMPTY_TASKS, reduceTasks, shownTasks, type Mutation, type TasksAction } from "./tasks-state";

export function useTasks(userId: string) {
  const [state, dispatch] = useReducer(reduceTasks, EMPTY_TASKS);
  const [announcement, announce] = useState("");
  const api = useMemo(() => new TaskApi(userId), [userId]);

  // Counts changes that came from elsewhere than loading: a list that was requested before one must not overwrite it.
  const news = useRef(0);
  const learn = useCallback((action: TasksAction) => {
    news.current += 1;
    dispatch(action);
  }, []);

  const reload = useCallback(async () => {
    dispatch({ type: "reloading" });
    try {
      dispatch({ type: "loaded", ...(await listWithoutNews(api, news)) });
    } catch (error) {
      leaveIfSignedOut(error);
      dispatch({ type: "load_failed" });
    }
  }, [api]);

  useEffect(() => {
    void reload();
  }, [reload]);

  useUserStream((event) => {
    if (event.kind === "open" || event.kind === "reset") void reload();
    if (event.kind !== "task") return;
    const { change } = event;
    if (change.type === "task.deleted") learn({ type: "task_gone", taskId: change.task.task_id });
    else learn({ type: "task_seen", task: taskOf(change) });
    announce(ANNOUNCEMENTS[change.type](change.task.title));
  });

  const save = useCallback(
    async (mutation: Mutation) => {
      try {
        learn({ type: "mutation_saved", mutation, task: await send(api, mutation) });
      } catch (error) {
        leaveIfSignedOut(error);
        const gone = error instanceof CallError && error.status === 404;
        // A task that is gone already counts as deleted.
        if (gone && mutation.kind === "remove") learn({ type: "mutation_saved", mutation, task: null });
        else dispatch({ type: "mutation_failed", mutation, text: errorText(error instanceof CallError ? error : {}) });
      }
    },
    [api, learn],
  );
  const mutate = useCallback(
    (mutation: Mutation) => {
      dispatch({ type: "mutation_started", mutation });
      return save(mutation);
    },
    [save],
  );
  const offer = useUndo();
  const remove = useCallback(
    ({ id: taskId, title }: Pick<Task, "id" | "title">) => {
      const mutation: Mutation = { kind: "remove", id: newMutationId(), taskId };
      dispatch({ type: "mutation_started", mutation });
      offer({
        text: `Deleted “${title}”.`,
        undo: () => dispatch({ type: "mutation_undone", mutation }),
        commit: () => void save(mutation),
      });
    },
    [offer, save],
  );

  return {
    ...state,
    announcement,
    tasks: useMemo(() => shownTasks(state), [state]),
    reload,
    retry: mutate,
    dismiss: useCallback((mutation: Mutation) => dispatch({ type: "failure_dismissed", mutation }), []),
    add: useCallback((title: string) => mutate({ kind: "add", id: newMutationId(), title }), [mutate]),
    change: useCallback(
      (taskId: string, change: TaskChange) => mutate({ kind: "change", id: newMutationId(), taskId, change }),
      [mutate],
    ),
    remove,
  };
}

const LIST_ATTEMPTS_MAX = 5;

/** Reads the list until nothing changed while it was read; after some attempts takes it as it is. */
async function listWithoutNews(api: TaskApi, news: RefObject<number>) {
  for (let attempt = 1; ; attempt += 1) {
    const before = news.current;
    const list = await api.list();
    if (news.current === before || attempt === LIST_ATTEMPTS_MAX) return list;
  }
}

const ANNOUNCEMENTS: Record<TaskChanged["type"], (title: string) => string> = {
  "task.added": (title) => `Task added: ${title}`,
  "task.updated": (title) => `Task changed: ${title}`,
  "task.deleted": (title) => `Task deleted: ${title}`,
};

async function send(api: TaskApi, mutation: Mutation): Promise<Task | null> {
  switch (mutation.kind) {
    case "add":
      return api.add(mutation.title);
    case "change":
      return api.change(mutation.taskId, mutation.change);
    case "remove":
      await api.remove(mutation.taskId);
      return null;
    default:
      return mutation satisfies never;
  }
}

/** A task of the stream as HTTP has it: the stream, as contracts do, calls its id `task_id`. */
function taskOf({ task: { task_id, due, ...task } }: TaskChanged): Task {
  const known = due ? { ...due, all_day: due.all_day ?? false } : null;
  return { ...task, description: task.description ?? null, due: known, position: task.position ?? 0, id: task_id };
}

function leaveIfSignedOut(error: unknown): void {
  if (error instanceof CallError && error.status === 401) leaveAsExpired();
}

let mutationCount = 0;

function newMutationId(): string {
  mutationCount += 1;
  return `pending_${mutationCount}`;
}
