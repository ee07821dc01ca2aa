"use client";

/** One todo: complete, put elsewhere, rename in place, edit, delete. */
import { useSortable } from "@dnd-kit/sortable";
import { CSS } from "@dnd-kit/utilities";
import { GripVertical, Pencil, SlidersHorizontal, Trash2 } from "lucide-react";
import { memo, useId, useState, type KeyboardEvent } from "react";

import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { Input } from "@/components/ui/input";
import { cn } from "@/lib/utils";

import { DueBadge } from "./due-badge";
import type { TaskChange } from "./task-api";
import { TaskDetails } from "./task-details";
import { TaskFiles } from "./task-files";
import type { ShownTask } from "./tasks-state";
import { refuseLongTitle } from "./title-length";

type Props = Readonly<{
  task: ShownTask;
  /** Where the order is not its owner's, as in what was searched for, nothing is put elsewhere. */
  isOrdered: boolean;
  onChange: (taskId: string, change: TaskChange) => void;
  onRemove: (task: ShownTask) => void;
}>;

/** What moves with a drag: all rows are rendered for that, so what is in them is not. */
export function TaskRow({ task, isOrdered, onChange, onRemove }: Props) {
  const isUnsaved = task.id.startsWith("pending_");
  const { setNodeRef, setActivatorNodeRef, attributes, listeners, transform, transition, isDragging } = useSortable({
    id: task.id,
    disabled: !isOrdered || isUnsaved,
  });
  return (
    <li
      ref={setNodeRef}
      style={{ transform: CSS.Translate.toString(transform), transition }}
      data-task-id={task.id}
      aria-busy={task.isSaving}
      className={cn(
        "group hover:bg-accent/60 bg-card flex min-h-14 items-center gap-3 py-2 pr-4 transition-colors sm:pr-5",
        isOrdered ? "pl-1" : "pl-4 sm:pl-5",
        task.isSaving && "opacity-70",
        isDragging && "relative z-10 shadow-lg",
      )}
    >
      {isOrdered && (
        <button
          type="button"
          ref={setActivatorNodeRef}
          {...attributes}
          {...listeners}
          disabled={isUnsaved}
          aria-label={`Move “${task.title}”`}
          data-action="move"
          className="text-muted-foreground focus-visible:ring-ring/50 -mr-2 cursor-grab touch-none rounded-md p-1 outline-none focus-visible:ring-[3px] sm:opacity-0 sm:group-focus-within:opacity-100 sm:group-hover:opacity-100"
        >
          <GripVertical className="size-4" />
        </button>
      )}
      <RowContent task={task} isUnsaved={isUnsaved} onChange={onChange} onRemove={onRemove} />
    </li>
  );
}

type ContentProps = Omit<Props, "isOrdered"> & Readonly<{ isUnsaved: boolean }>;

const RowContent = memo(function RowContent({ task, isUnsaved, onChange, onRemove }: ContentProps) {
  const [mode, setMode] = useState<"shown" | "renamed" | "edited">("shown");
  const titleId = useId();
  const change = (what: TaskChange) => onChange(task.id, what);
  return (
    <>
      <Checkbox
        checked={task.completed}
        aria-labelledby={titleId}
        onCheckedChange={(checked) => change({ completed: checked === true })}
        className="size-5 rounded-full"
      />
      {mode === "renamed" ? (
        <RenameField
          title={task.title}
          onDone={(title) => {
            setMode("shown");
            if (title !== null && title !== task.title) change({ title });
          }}
        />
      ) : (
        <>
          <TaskText id={titleId} task={task} onRename={() => setMode("renamed")} />
          <TaskActions
            title={task.title}
            isUnsaved={isUnsaved}
            onRename={() => setMode("renamed")}
            onEdit={() => setMode("edited")}
            onRemove={() => onRemove(task)}
          />
        </>
      )}
      {mode === "edited" && <TaskDetails task={task} onClose={() => setMode("shown")} onChange={change} />}
    </>
  );
});

function TaskText({ id, task, onRename }: { id: string; task: ShownTask; onRename: () => void }) {
  return (
    <div className="min-w-0 flex-1 py-1" onDoubleClick={onRename}>
      <p id={id} className={cn("leading-snug break-words", task.completed && "text-muted-foreground line-through")}>
        {task.title}
      </p>
      {task.description && (
        <p className="text-muted-foreground mt-0.5 text-sm break-words whitespace-pre-line">{task.description}</p>
      )}
      {task.due && <DueBadge due={task.due} isDone={task.completed} />}
      <TaskFiles files={task.attachments} />
    </div>
  );
}

type ActionsProps = Readonly<{
  title: string;
  isUnsaved: boolean;
  onRename: () => void;
  onEdit: () => void;
  onRemove: () => void;
}>;

function TaskActions({ title, isUnsaved, onRename, onEdit, onRemove }: ActionsProps) {
  const button = { variant: "ghost", size: "icon-sm", disabled: isUnsaved } as const;
  return (
    <div className="text-muted-foreground flex shrink-0 transition-opacity sm:opacity-0 sm:group-focus-within:opacity-100 sm:group-hover:opacity-100">
      <Button {...button} aria-label={`Rename “${title}”`} data-action="rename" onClick={onRename}>
        <Pencil />
      </Button>
      <Button {...button} aria-label={`Date and notes of “${title}”`} data-action="edit" onClick={onEdit}>
        <SlidersHorizontal />
      </Button>
      <Button
        {...button}
        aria-label={`Delete “${title}”`}
        data-action="delete"
        className="hover:text-destructive"
        onClick={onRemove}
      >
        <Trash2 />
      </Button>
    </div>
  );
}

/** Enter or leaving the field saves, Escape does not; an empty title changes nothing. */
function RenameField({ title, onDone }: { title: string; onDone: (title: string | null) => void }) {
  function react(event: KeyboardEvent<HTMLInputElement>) {
    // While an input method is composing, Enter and Escape belong to it.
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter") event.currentTarget.blur();
    if (event.key === "Escape") {
      event.currentTarget.value = title;
      event.currentTarget.setCustomValidity("");
      event.currentTarget.blur();
    }
  }
  return (
    <Input
      autoFocus
      aria-label={`New title for “${title}”`}
      defaultValue={title}
      onInput={(event) => refuseLongTitle(event.currentTarget)}
      onFocus={(event) => event.currentTarget.value === title && event.currentTarget.select()}
      onKeyDown={react}
      onBlur={(event) => event.currentTarget.reportValidity() && onDone(event.currentTarget.value.trim() || null)}
      className="flex-1"
    />
  );
}
