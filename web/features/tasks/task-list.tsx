"use client";

/** The todo list in each of its states: loading, empty, failed, with a change that was refused. */
import { CircleCheckBig, ListTodo, RotateCw, TriangleAlert, X } from "lucide-react";
import Link from "next/link";
import { useRef, type RefObject } from "react";

import { EmptyState } from "@/components/empty-state";
import { Alert, AlertDescription, AlertTitle } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";

import type { TaskChange } from "./task-api";
import { TaskRow } from "./task-row";
import { filterTasks, type Failure, type Mutation, type ShownTask, type TaskFilter } from "./tasks-state";

type ListProps = Readonly<{
  tasks: readonly ShownTask[];
  filter: TaskFilter;
  onChange: (taskId: string, change: TaskChange) => void;
  onRemove: (task: ShownTask) => void;
}>;

export function TaskList({ tasks, filter, onChange, onRemove }: ListProps) {
  const list = useRef<HTMLUListElement>(null);
  const shown = filterTasks(tasks, filter);
  if (shown.length === 0) return <NoTasks filter={filter} hasTasks={tasks.length > 0} />;
  return (
    <ul ref={list} className="divide-y" aria-label="Tasks">
      {shown.map((task) => (
        <TaskRow
          key={task.id}
          task={task}
          onChange={(change) => onChange(task.id, change)}
          onRemove={() => {
            focusNeighbour(list, task.id);
            onRemove(task);
          }}
        />
      ))}
    </ul>
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
  done: { title: "Nothing done yet", text: "What you complete shows up here." },
};

function NoTasks({ filter, hasTasks }: { filter: TaskFilter; hasTasks: boolean }) {
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
  remove: "The task was not deleted",
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
          {mutation.kind === "add" && <p className="text-foreground break-words">“{mutation.title}”</p>}
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
