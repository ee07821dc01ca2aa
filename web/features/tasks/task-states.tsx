"use client";

/** A list of todos that is loading, that failed, or with a change that was refused; the panel beside the chat has these too. */
import { RotateCw, TriangleAlert, X } from "lucide-react";

import { EmptyState } from "@/components/empty-state";
import { Alert, AlertDescription, AlertTitle } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";

import type { Failure, Mutation } from "./tasks-state";

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
