"use client";

/** All of a todo in a dialog: its title, its notes, when it is due. */
import { useId, useState, type FormEvent } from "react";

import { Button } from "@/components/ui/button";
import { Dialog, DialogContent, DialogFooter, DialogHeader, DialogTitle } from "@/components/ui/dialog";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";

import { dueFields, dueOf } from "./due";
import { DueFields } from "./due-fields";
import type { Task, TaskChange } from "./task-api";
import { refuseLong, refuseLongTitle } from "./title-length";

const NOTES_CHARACTERS_MAX = 2_000;

type Props = Readonly<{ task: Task; onClose: () => void; onChange: (change: TaskChange) => void }>;

export function TaskDetails({ task, onClose, onChange }: Props) {
  return (
    <Dialog open onOpenChange={(isOpen) => !isOpen && onClose()}>
      <DialogContent aria-describedby={undefined}>
        <DialogHeader>
          <DialogTitle>Edit task</DialogTitle>
        </DialogHeader>
        <DetailsForm task={task} onClose={onClose} onChange={onChange} />
      </DialogContent>
    </Dialog>
  );
}

function DetailsForm({ task, onClose, onChange }: Props) {
  const [fields, setFields] = useState(() => dueFields(task.due));
  const [wasDue] = useState(() => JSON.stringify(dueFields(task.due)));
  const id = useId();
  function save(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [title, description] = [String(form.get("title")).trim(), String(form.get("notes")).trim()];
    const change = {
      ...(title !== "" && title !== task.title && { title }),
      ...(description !== (task.description ?? "") && { description }),
      // What nobody has touched keeps the zone in which it was meant.
      ...(JSON.stringify(fields) !== wasDue && { due: dueOf(fields) }),
    };
    if (Object.keys(change).length > 0) onChange(change);
    onClose();
  }
  return (
    <form onSubmit={save} className="grid gap-4">
      <div className="grid gap-1.5">
        <Label htmlFor={`${id}-title`}>Title</Label>
        <Input
          id={`${id}-title`}
          name="title"
          required
          defaultValue={task.title}
          onInput={(event) => refuseLongTitle(event.currentTarget)}
        />
      </div>
      <div className="grid gap-1.5">
        <Label htmlFor={`${id}-notes`}>Notes</Label>
        <textarea
          id={`${id}-notes`}
          name="notes"
          rows={4}
          defaultValue={task.description ?? ""}
          onInput={(event) => refuseLong(event.currentTarget, "Notes have", NOTES_CHARACTERS_MAX)}
          className="border-input focus-visible:border-ring focus-visible:ring-ring/50 rounded-md border bg-transparent px-3 py-2 text-base shadow-xs outline-none focus-visible:ring-[3px] md:text-sm"
        />
      </div>
      <DueFields fields={fields} onChange={setFields} />
      <DialogFooter>
        <Button type="button" variant="outline" onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit">Save</Button>
      </DialogFooter>
    </form>
  );
}
