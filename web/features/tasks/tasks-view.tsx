"use client";

import { Search } from "lucide-react";
import { useRouter, useSearchParams } from "next/navigation";
import { useEffect, useState } from "react";

import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/components/ui/tabs";

import { MoreTasks } from "./more-tasks";
import { NewTask } from "./new-task";
import type { TaskCounts } from "./task-api";
import { FileOwner } from "./task-files";
import { NoTasks, TaskList } from "./task-list";
import { MutationFailed, TaskListSkeleton, TasksFailed } from "./task-states";
import { parseFilter, type TaskFilter } from "./task-order";
import { useTasks } from "./use-tasks";

const TYPING_MILLISECONDS = 200;
const SEARCH_CHARACTERS_MAX = 200;

const FILTERS: readonly (readonly [TaskFilter, string, (counts: TaskCounts) => number])[] = [
  ["all", "All", ({ open, done }) => open + done],
  ["open", "Open", ({ open }) => open],
  ["due", "Due", ({ due }) => due],
  ["done", "Done", ({ done }) => done],
];

export function TasksView({ userId }: { userId: string }) {
  const filter = parseFilter(useSearchParams().get("filter"));
  const [words, setWords] = useState("");
  const search = useSettled(words.trim());
  const view = { filter, search };
  const tasks = useTasks(userId, view);
  const router = useRouter();
  const show = (value: string) => router.replace(value === "all" ? "/dashboard" : `/dashboard?filter=${value}`);
  const isReady = tasks.phase === "ready";
  const { counts } = tasks;
  return (
    <Tabs value={filter} onValueChange={show} className="gap-4">
      <div className="flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <div>
          <h1 className="text-2xl font-semibold tracking-tight">Tasks</h1>
          <p className="text-muted-foreground mt-1 text-sm">{isReady ? summary(counts) : "\u00a0"}</p>
        </div>
        <TabsList aria-label="Filter tasks">
          {FILTERS.map(([value, label, countOf]) => (
            <TabsTrigger key={value} value={value} className="px-3">
              {label}
              {isReady && <span className="text-muted-foreground text-xs tabular-nums">{countOf(counts)}</span>}
            </TabsTrigger>
          ))}
        </TabsList>
      </div>
      <div className="flex gap-2">
        <SearchField words={words} onChange={setWords} />
        {isReady && counts.done > 0 && (
          <Button variant="outline" onClick={() => void tasks.clear()}>
            Clear completed
          </Button>
        )}
      </div>
      {tasks.failures.map((failure) => (
        <MutationFailed key={failure.mutation.id} failure={failure} onRetry={tasks.retry} onDismiss={tasks.dismiss} />
      ))}
      <TabsContent value={filter} className="bg-card overflow-hidden rounded-xl border shadow-sm" tabIndex={-1}>
        <NewTask onAdd={tasks.add} />
        {tasks.phase === "loading" && <TaskListSkeleton />}
        {tasks.phase === "failed" && <TasksFailed onRetry={tasks.reload} />}
        {isReady && tasks.tasks.length === 0 && <NoTasks view={view} hasTasks={counts.open + counts.done > 0} />}
        {isReady && tasks.tasks.length > 0 && (
          <FileOwner value={userId}>
            <TaskList tasks={tasks.tasks} view={view} onChange={tasks.change} onMove={tasks.move} onRemove={tasks.remove} />
          </FileOwner>
        )}
        {isReady && tasks.hasMore && <MoreTasks onMore={tasks.loadMore} />}
      </TabsContent>
      <p role="status" className="sr-only">
        {tasks.announcement}
      </p>
    </Tabs>
  );
}

function SearchField({ words, onChange }: Readonly<{ words: string; onChange: (words: string) => void }>) {
  return (
    <div className="relative flex-1">
      <Search aria-hidden className="text-muted-foreground pointer-events-none absolute top-2.5 left-3 size-4" />
      <Input
        type="search"
        aria-label="Search tasks"
        placeholder="Search titles and notes"
        maxLength={SEARCH_CHARACTERS_MAX}
        value={words}
        onChange={({ target }) => onChange(target.value)}
        className="pl-9"
      />
    </div>
  );
}

/** What was typed, once the typing has paused. */
function useSettled(words: string): string {
  const [settled, settle] = useState(words);
  useEffect(() => {
    const timer = setTimeout(() => settle(words), TYPING_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [words]);
  return settled;
}

function summary({ open, done }: TaskCounts): string {
  if (open + done === 0) return "Your list is empty.";
  return `${open} open, ${done} done`;
}
