"use client";

/** One todo: complete, rename in place, delete. */
import { Pencil, Trash2 } from "lucide-react";
import { useId, useState, type KeyboardEvent } from "react";

import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { Input } from "@/components/ui/input";
import { cn } from "@/lib/utils";

import type { TaskChange } from "./task-api";
import { refuseLongTitle } from "./title-length";
import type { ShownTask } from "./tasks-state";


type Props = Readonly<{
  task: ShownTask;
  onChange: (change: TaskChange) => void;
  onRemove: () => void;
}>;

export function TaskRow({ task, onChange, onRemove }: Props) {
  const [isRenaming, setRenaming] = useState(false);
  const titleId = useId();
  return (
    <li
      data-task-id={task.id}
      aria-busy={task.isSaving}
      className={cn(
        "group hover:bg-accent/60 flex min-h-14 items-center gap-3 px-4 py-2 transition-colors sm:px-5",
        task.isSaving && "opacity-70",
      )}
    >
      <Checkbox
        checked={task.completed}
        aria-labelledby={titleId}
        onCheckedChange={(checked) => onChange({ completed: checked === true })}
        className="size-5 rounded-full"
      />
      {isRenaming ? (
        <RenameField
          title={task.title}
          onDone={(title) => {
            setRenaming(false);
            if (title !== null && title !== task.title) onChange({ title });
          }}
        />
      ) : (
        <>
          <TaskTitle id={titleId} task={task} onRename={() => setRenaming(true)} />
          <TaskActions task={task} onRename={() => setRenaming(true)} onRemove={onRemove} />
        </>
      )}
    </li>
  );
}

function TaskTitle({ id, task, onRename }: { id: string; task: ShownTask; onRename: () => void }) {
  return (
    <div className="min-w-0 flex-1 py-1" onDoubleClick={onRename}>
      <p id={id} className={cn("leading-snug break-words", task.completed && "text-muted-foreground line-through")}>
        {task.title}
      </p>
      {task.description && <p className="text-muted-foreground mt-0.5 text-sm break-words">{task.description}</p>}
    </div>
  );
}

function TaskActions({ task, onRename, onRemove }: { task: ShownTask; onRename: () => void; onRemove: () => void }) {
  const isUnsaved = task.id.startsWith("pending_");
  return (
    <div className="text-muted-foreground flex shrink-0 transition-opacity sm:opacity-0 sm:group-focus-within:opacity-100 sm:group-hover:opacity-100">
      <Button
        variant="ghost"
        size="icon-sm"
        aria-label={`Rename “${task.title}”`}
        data-action="rename"
        disabled={isUnsaved}
        onClick={onRename}
      >
        <Pencil />
      </Button>
      <Button
        variant="ghost"
        size="icon-sm"
        aria-label={`Delete “${task.title}”`}
        data-action="delete"
        disabled={isUnsaved}
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
