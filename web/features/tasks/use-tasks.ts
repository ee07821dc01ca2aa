"use client";

/**
 * A view of the live todo list: reads it page by page, changes it optimistically, and applies what the assistant or
 * another tab changes.
 */
import { useCallback, useEffect, useMemo, useReducer, useRef, useState } from "react";

import { leaveAsExpired } from "@/features/auth/leaving";
import { useUserStream } from "@/features/live/user-stream";
import { useUndo } from "@/features/undo/undo";
import type { TaskChanged } from "@/generated/contracts.gen";
import { errorText } from "@/lib/error-text";
import { CallError } from "@/lib/http";

import { PAGE_TASKS, TaskApi, type NewTask, type Task, type TaskChange, type TaskMove, type TaskPage } from "./task-api";
import { isWholeList, WHOLE_LIST, type TaskView } from "./task-order";
import { countTasks, EMPTY_TASKS, reduceTasks, shownTasks, type Mutation, type TasksAction } from "./tasks-state";

const COUNT_MILLISECONDS = 400;
const LIST_ATTEMPTS_MAX = 5;

export function useTasks(userId: string, { filter, search }: TaskView = WHOLE_LIST) {
  const [state, dispatch] = useReducer(reduceTasks, EMPTY_TASKS);
  const [announcement, announce] = useState("");
  const api = useMemo(() => new TaskApi(userId), [userId]);
  const view = useMemo(() => ({ filter, search }), [filter, search]);
  const known = useRef(state);
  useEffect(() => void (known.current = state), [state]);

  // Counts changes that came from elsewhere than loading: a list that was requested before one must not overwrite it.
  const news = useRef(0);
  const [changes, setChanges] = useState(0);
  const learn = useCallback((action: TasksAction) => {
    news.current += 1;
    setChanges((count) => count + 1);
    dispatch(action);
  }, []);

  /** Reads the pages that were read before until nothing changed meanwhile; after some attempts takes them as they are. */
  const reload = useCallback(async () => {
    dispatch({ type: "reloading" });
    const tasksMin = known.current.view === view ? known.current.tasks.length : 0;
    try {
      for (let attempt = 1; attempt <= LIST_ATTEMPTS_MAX; attempt += 1) {
        const before = news.current;
        const pages = await pagesOf(api, view, tasksMin);
        if (news.current !== before && attempt < LIST_ATTEMPTS_MAX) continue;
        return dispatch({ type: "loaded", view, pages });
      }
    } catch (error) {
      leaveIfSignedOut(error);
      dispatch({ type: "load_failed" });
    }
  }, [api, view]);

  useEffect(() => {
    dispatch({ type: "view_changed", view });
    void reload();
  }, [reload, view]);

  const loadMore = useCallback(async () => {
    const { after } = known.current;
    if (after === null) return;
    try {
      dispatch({ type: "more_loaded", view, page: await api.page(view, after) });
    } catch (error) {
      leaveIfSignedOut(error); // otherwise “Show more” is still there, to be tried again
    }
  }, [api, view]);

  // What is not on a page that was read cannot be counted here.
  const isCutOff = state.phase === "ready" && (state.after !== null || !isWholeList(view));
  useEffect(() => {
    if (changes === 0 || !isCutOff) return;
    const timer = setTimeout(() => {
      const count = api.page(WHOLE_LIST, null, 1).then(({ counts }) => counts && dispatch({ type: "counted", counts }));
      count.catch(leaveIfSignedOut);
    }, COUNT_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [api, changes, isCutOff]);

  useUserStream((event) => {
    if (event.kind === "open" || event.kind === "reset" || event.kind === "tasks") void reload();
    if (event.kind !== "task") return;
    const { change } = event;
    if (change.type === "task.deleted") learn({ type: "task_gone", taskId: change.task.task_id });
    else learn({ type: "task_seen", task: taskOf(change) });
    announce(ANNOUNCEMENTS[change.type](change.task.title));
  });

  /** What the server has answered, null for nothing; undefined where it failed, which is shown. */
  const mutate = useCallback(
    async (mutation: Mutation): Promise<Answer | null | undefined> => {
      dispatch({ type: "mutation_started", mutation });
      try {
        const answer = await send(api, mutation);
        learn({ type: "mutation_saved", mutation, task: answer && "title" in answer ? answer : null });
        if (mutation.kind === "restore_cleared") void reload();
        return answer;
      } catch (error) {
        leaveIfSignedOut(error);
        const isGone = error instanceof CallError && error.status === 404;
        // A task that is gone already counts as deleted.
        if (isGone && mutation.kind === "remove") learn({ type: "mutation_saved", mutation, task: null });
        else dispatch({ type: "mutation_failed", mutation, text: errorText(error instanceof CallError ? error : {}) });
        return undefined;
      }
    },
    [api, learn, reload],
  );

  const offer = useUndo();
  const remove = useCallback(
    ({ id: taskId, title }: Pick<Task, "id" | "title">) => {
      const removed = mutate({ kind: "remove", id: newMutationId(), taskId });
      const restore = () => mutate({ kind: "restore", id: newMutationId(), taskId });
      offer({ text: `Deleted “${title}”.`, commit: () => undefined, undo: () => void removed.then(restore) });
    },
    [mutate, offer],
  );
  const clear = useCallback(async () => {
    const cleared = await mutate({ kind: "clear", id: newMutationId() });
    if (!cleared || !("cleared_at" in cleared)) return;
    const { count, cleared_at: clearedAt } = cleared;
    offer({
      text: count === 1 ? "Cleared one completed task." : `Cleared ${count} completed tasks.`,
      commit: () => undefined,
      undo: () => void mutate({ kind: "restore_cleared", id: newMutationId(), clearedAt }),
    });
  }, [mutate, offer]);

  const tasks = useMemo(() => shownTasks(state), [state]);
  return {
    phase: state.phase,
    failures: state.failures,
    hasMore: state.after !== null,
    counts: useMemo(() => countTasks(state, tasks), [state, tasks]),
    announcement,
    tasks,
    reload,
    loadMore,
    retry: mutate,
    dismiss: useCallback((mutation: Mutation) => dispatch({ type: "failure_dismissed", mutation }), []),
    add: useCallback((task: NewTask) => mutate({ kind: "add", id: newMutationId(), task }), [mutate]),
    change: useCallback(
      (taskId: string, change: TaskChange) => mutate({ kind: "change", id: newMutationId(), taskId, change }),
      [mutate],
    ),
    move: useCallback(
      (taskId: string, move: TaskMove) => mutate({ kind: "move", id: newMutationId(), taskId, move }),
      [mutate],
    ),
    remove,
    clear,
  };
}

/** From the first one on, until there are as many as are shown already. */
async function pagesOf(api: TaskApi, view: TaskView, tasksMin: number): Promise<TaskPage[]> {
  const pages: TaskPage[] = [];
  let after: string | null = null;
  do {
    const page: TaskPage = await api.page(view, after);
    pages.push(page);
    after = page.after;
  } while (after !== null && pages.length * PAGE_TASKS < tasksMin);
  return pages;
}

const ANNOUNCEMENTS: Record<TaskChanged["type"], (title: string) => string> = {
  "task.added": (title) => `Task added: ${title}`,
  "task.updated": (title) => `Task changed: ${title}`,
  "task.deleted": (title) => `Task deleted: ${title}`,
};

type Answer = Task | Awaited<ReturnType<TaskApi["clear"]>> | Awaited<ReturnType<TaskApi["restoreCleared"]>>;

async function send(api: TaskApi, mutation: Mutation): Promise<Answer | null> {
  switch (mutation.kind) {
    case "add":
      return api.add(mutation.task);
    case "change":
      return api.change(mutation.taskId, mutation.change);
    case "move":
      return api.change(mutation.taskId, { move: mutation.move });
    case "remove":
      await api.remove(mutation.taskId);
      return null;
    case "restore":
      return api.restore(mutation.taskId);
    case "clear":
      return api.clear();
    case "restore_cleared":
      return api.restoreCleared(mutation.clearedAt);
    default:
      return mutation satisfies never;
  }
}

/** A task of the stream as HTTP has it: the stream, as contracts do, calls its id `task_id`. */
function taskOf({ task: { task_id, due, attachments = [], ...task } }: TaskChanged): Task {
  const known = due ? { ...due, all_day: due.all_day ?? false, recurrence: due.recurrence ?? null } : null;
  const { description = null, position = 0 } = task;
  return { ...task, attachments, description, position, due: known, id: task_id };
}

function leaveIfSignedOut(error: unknown): void {
  if (error instanceof CallError && error.status === 401) leaveAsExpired();
}

let mutationCount = 0;

function newMutationId(): string {
  mutationCount += 1;
  return `pending_${mutationCount}`;
}
