"use client";

/** The todo list beside the chat, on wide screens: the assistant's changes show at once. */
import Link from "next/link";
import { useId } from "react";

import { Checkbox } from "@/components/ui/checkbox";
import { useMediaQuery } from "@/lib/use-media-query";
import { cn } from "@/lib/utils";

import { DueBadge } from "./due-badge";
import { MoreTasks } from "./more-tasks";
import { FileOwner, TaskFiles } from "./task-files";
import { MutationFailed, TaskListSkeleton } from "./task-states";
import type { ShownTask } from "./tasks-state";
import { useTasks } from "./use-tasks";

/** The same width as `xl:` in the class names: on smaller screens neither list nor stream is requested. */
const WIDE_ENOUGH = "(min-width: 80rem)";

export function TaskPanel({ userId }: { userId: string }) {
  const isShown = useMediaQuery(WIDE_ENOUGH);
  return (
    <aside aria-label="Tasks" className="bg-card hidden w-80 shrink-0 flex-col overflow-y-auto border-l xl:flex">
      {isShown && <Panel userId={userId} />}
    </aside>
  );
}

function Panel({ userId }: { userId: string }) {
  const { phase, tasks, counts, hasMore, loadMore, change, failures, retry, dismiss, announcement } = useTasks(userId);
  return (
    <>
      <header className="flex items-baseline justify-between gap-2 px-5 pt-5 pb-2">
        <h2 className="font-semibold tracking-tight">
          Tasks{" "}
          {phase === "ready" && (
            <span className="text-muted-foreground text-sm font-normal tabular-nums">{counts.open} open</span>
          )}
        </h2>
        <Link href="/dashboard" className="text-brand-text rounded-sm text-sm font-medium underline-offset-4 hover:underline">
          Open list
        </Link>
      </header>
      {failures.map((failure) => (
        <div key={failure.mutation.id} className="p-3">
          <MutationFailed failure={failure} onRetry={retry} onDismiss={dismiss} />
        </div>
      ))}
      {phase === "loading" && <TaskListSkeleton />}
      {phase === "failed" && <p className="text-muted-foreground px-5 text-sm">Your tasks could not be loaded.</p>}
      {phase === "ready" && tasks.length === 0 && (
        <p className="text-muted-foreground px-5 text-sm">What the assistant adds to your list shows up here.</p>
      )}
      <FileOwner value={userId}>
        <ul className="pb-4" aria-label="Tasks">
          {tasks.map((task) => (
            <PanelRow key={task.id} task={task} onToggle={(completed) => void change(task.id, { completed })} />
          ))}
        </ul>
      </FileOwner>
      {phase === "ready" && hasMore && <MoreTasks onMore={loadMore} />}
      <p role="status" className="sr-only">
        {announcement}
      </p>
    </>
  );
}

function PanelRow({ task, onToggle }: { task: ShownTask; onToggle: (completed: boolean) => void }) {
  const titleId = useId();
  return (
    <li
      aria-busy={task.isSaving}
      className="animate-in fade-in slide-in-from-left-1 flex items-start gap-3 px-5 py-2 duration-300"
    >
      <Checkbox
        checked={task.completed}
        aria-labelledby={titleId}
        onCheckedChange={(checked) => onToggle(checked === true)}
        className="mt-0.5 size-4.5 rounded-full"
      />
      <div className="min-w-0">
        <p id={titleId} className={cn("text-sm leading-snug break-words", task.completed && "text-muted-foreground line-through")}>
          {task.title}
        </p>
        {task.due && <DueBadge due={task.due} isDone={task.completed} />}
        <TaskFiles files={task.attachments} />
      </div>
    </li>
  );
}
