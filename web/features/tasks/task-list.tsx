"use client";

/** The todo list, in an order that can be changed by hand; and what stands there when it is empty. */
import { CircleCheckBig, ListTodo, SearchX } from "lucide-react";
import Link from "next/link";
import { useCallback, useRef, type RefObject } from "react";

import { EmptyState } from "@/components/empty-state";
import { Button } from "@/components/ui/button";

import { SortableTasks } from "./sortable-tasks";
import type { TaskChange, TaskMove } from "./task-api";
import type { TaskFilter, TaskView } from "./task-order";
import { TaskRow } from "./task-row";
import type { ShownTask } from "./tasks-state";

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
