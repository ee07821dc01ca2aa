"use client";

import { Plus } from "lucide-react";
import { useRouter, useSearchParams } from "next/navigation";
import { useRef, type FormEvent } from "react";

import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/components/ui/tabs";

import { MutationFailed, TaskList, TaskListSkeleton, TasksFailed } from "./task-list";
import { countTasks, parseFilter, type TaskFilter } from "./tasks-state";
import { refuseLongTitle } from "./title-length";
import { useTasks } from "./use-tasks";

const FILTERS: readonly (readonly [TaskFilter, string])[] = [
  ["all", "All"],
  ["open", "Open"],
  ["done", "Done"],
];

export function TasksView({ userId }: { userId: string }) {
  const tasks = useTasks(userId);
  const router = useRouter();
  const filter = parseFilter(useSearchParams().get("filter"));
  const counts = countTasks(tasks.tasks);
  const show = (value: string) => router.replace(value === "all" ? "/dashboard" : `/dashboard?filter=${value}`);
  return (
    <Tabs value={filter} onValueChange={show} className="gap-4">
      <div className="flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <div>
          <h1 className="text-2xl font-semibold tracking-tight">Tasks</h1>
          <p className="text-muted-foreground mt-1 text-sm">
            {tasks.phase === "ready" ? summary(counts.open, counts.done) : "\u00a0"}
          </p>
        </div>
        <TabsList aria-label="Filter tasks">
          {FILTERS.map(([value, label]) => (
            <TabsTrigger key={value} value={value} className="px-3">
              {label}
              {tasks.phase === "ready" && <span className="text-muted-foreground text-xs tabular-nums">{counts[value]}</span>}
            </TabsTrigger>
          ))}
        </TabsList>
      </div>
      {tasks.failures.map((failure) => (
        <MutationFailed key={failure.mutation.id} failure={failure} onRetry={tasks.retry} onDismiss={tasks.dismiss} />
      ))}
      <TabsContent value={filter} className="bg-card overflow-hidden rounded-xl border shadow-sm" tabIndex={-1}>
        <NewTask onAdd={tasks.add} />
        {tasks.phase === "loading" && <TaskListSkeleton />}
        {tasks.phase === "failed" && <TasksFailed onRetry={tasks.reload} />}
        {tasks.phase === "ready" && (
          <TaskList tasks={tasks.tasks} filter={filter} onChange={tasks.change} onRemove={tasks.remove} />
        )}
      </TabsContent>
      {tasks.isCut && (
        <p className="text-muted-foreground text-center text-sm">These are your first 1,000 tasks.</p>
      )}
      <p role="status" className="sr-only">
        {tasks.announcement}
      </p>
    </Tabs>
  );
}

function summary(open: number, done: number): string {
  if (open + done === 0) return "Your list is empty.";
  return `${open} open, ${done} done`;
}

function NewTask({ onAdd }: { onAdd: (title: string) => void }) {
  const field = useRef<HTMLInputElement>(null);
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const title = field.current?.value.trim() ?? "";
    if (title === "") return field.current?.focus();
    onAdd(title);
    event.currentTarget.reset();
  }
  return (
    <form onSubmit={submit} className="flex gap-2 border-b p-3 sm:px-4">
      <Input
        ref={field}
        id="new-task"
        name="title"
        aria-label="New task"
        placeholder="What needs doing?"
        autoComplete="off"
        onInput={(event) => refuseLongTitle(event.currentTarget)}
        className="h-10"
      />
      <Button type="submit" className="h-10 font-semibold" aria-label="Add task">
        <Plus /> <span className="hidden sm:inline">Add</span>
      </Button>
    </form>
  );
}
