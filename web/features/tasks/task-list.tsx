"use client";

/** The todo list in each of its states: loading, empty, failed, with a change that was refused. */
import { CircleCheckBig, ListTodo, RotateCw, SearchX, TriangleAlert, X } from "lucide-react";
import Link from "next/link";
import { useCallback, useRef, type RefObject } from "react";

import { EmptyState } from "@/components/empty-state";
import { Alert, AlertDescription, AlertTitle } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";

import { SortableTasks } from "./sortable-tasks";
import type { TaskChange, TaskMove } from "./task-api";
import type { TaskFilter, TaskView } from "./task-order";
import { TaskRow } from "./task-row";
import type { Failure, Mutation, ShownTask } from "./tasks-state";

type ListProps = Readonly<{
  tasks: readonly ShownTask[];
  view: TaskView;
  onChange: (taskId: string, change: TaskChange) => void;
  onMove: (taskId: string, move: TaskMove) => void;
  onRemove: (task: ShownTask) => void;
}>;

export function TaskList({ tasks, view, onChange, onMove, onRemove }: ListProps) {
  const list = useRef<HTMLUListElement>(null);
  // By their dates, or as they were found, they have no order that somebody could change.
  const isOrdered = view.filter !== "due" && view.search === "";
  const remove = useCallback(
    (task: ShownTask) => {
      focusNeighbour(list, task.id);
      onRemove(task);
    },
    [onRemove],
  );
  return (
    <SortableTasks tasks={tasks} onMove={onMove}>
      <ul ref={list} className="divide-y" aria-label="Tasks">
        {tasks.map((task) => (
          <TaskRow key={task.id} task={task} isOrdered={isOrdered} onChange={onChange} onRemove={remove} />
        ))}
      </ul>
    </SortableTasks>
  );
}

/** A deleted row had the focus: gives it to the next row's delete button, or to the field for a new task. */
function focusNeighbour(list: RefObject<HTMLUListElement | null>, taskId: string): void {
  const row = list.current?.querySelector(`[data-task-id="${CSS.escape(taskId)}"]`);
  const neighbour = row?.nextElementSibling ?? row?.previousElementSibling;
  const target = neighbour?.querySelector<HTMLElement>("[data-action=delete]") ?? document.getElementById("new-task");
  target?.focus();
}

const NO_TASKS: Record<TaskFilter, { title: string; text: string }> = {
  all: { title: "Nothing to do yet", text: "Add a task above, or ask the assistant to do it for you." },
  open: { title: "All done", text: "There is no open task left. Enjoy it." },
  due: { title: "Nothing is due", text: "Give a task a date, or tell the assistant when." },
  done: { title: "Nothing done yet", text: "What you complete shows up here." },
};

export function NoTasks({ view: { filter, search }, hasTasks }: { view: TaskView; hasTasks: boolean }) {
  if (search !== "") return <EmptyState icon={SearchX} title="Nothing found" text={`No task here contains “${search}”.`} />;
  const words = NO_TASKS[hasTasks ? filter : "all"];
  return (
    <EmptyState icon={hasTasks && filter === "open" ? CircleCheckBig : ListTodo} title={words.title} text={words.text}>
      {!hasTasks && (
        <Button asChild variant="outline">
          <Link href="/dashboard/chat">Ask the assistant</Link>
        </Button>
      )}
    </EmptyState>
  );
}

export function TaskListSkeleton() {
  return (
    <div role="status" aria-label="Loading your tasks">
      {[70, 45, 60].map((width) => (
        <div key={width} className="flex min-h-14 items-center gap-3 border-b px-5 last:border-b-0">
          <Skeleton className="size-5 rounded-full" />
          <Skeleton className="h-4" style={{ width: `${width}%` }} />
        </div>
      ))}
    </div>
  );
}

export function TasksFailed({ onRetry }: { onRetry: () => void }) {
  return (
    <EmptyState icon={TriangleAlert} title="Your tasks could not be loaded" text="They are safe. Try again in a moment." isError>
      <Button variant="outline" onClick={onRetry}>
        <RotateCw /> Try again
      </Button>
    </EmptyState>
  );
}

const FAILED_TITLES: Record<Mutation["kind"], string> = {
  add: "The task was not added",
  change: "The change was not saved",
  move: "The task was not moved",
  remove: "The task was not deleted",
  restore: "The task was not restored",
  clear: "The completed tasks were not cleared",
  restore_cleared: "The completed tasks were not restored",
};

type FailureProps = Readonly<{ failure: Failure; onRetry: (mutation: Mutation) => void; onDismiss: (mutation: Mutation) => void }>;

export function MutationFailed({ failure, onRetry, onDismiss }: FailureProps) {
  const { mutation, text } = failure;
  return (
    <Alert variant="destructive" className="has-[>svg]:grid-cols-[calc(var(--spacing)*4)_1fr_auto] items-center">
      <TriangleAlert />
      <div className="col-start-2">
        <AlertTitle>{FAILED_TITLES[mutation.kind]}</AlertTitle>
        <AlertDescription>
          {mutation.kind === "add" && <p className="text-foreground break-words">“{mutation.task.title}”</p>}
          <p>{text}</p>
        </AlertDescription>
      </div>
      <div className="col-start-3 flex gap-1">
        <Button size="sm" variant="outline" onClick={() => onRetry(mutation)}>
          Try again
        </Button>
        <Button size="icon-sm" variant="ghost" aria-label="Dismiss" onClick={() => onDismiss(mutation)}>
          <X />
        </Button>
      </div>
    </Alert>
  );
}
