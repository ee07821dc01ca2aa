"use client";

/** The form for a new todo: its title, and a date for who wants one. */
import { CalendarPlus, Plus } from "lucide-react";
import { useRef, useState, type FormEvent } from "react";

import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";

import { dueOf } from "./due";
import { DueFields, NO_FIELDS } from "./due-fields";
import type { NewTask as Task } from "./task-api";
import { refuseLongTitle } from "./title-length";

export function NewTask({ onAdd }: Readonly<{ onAdd: (task: Task) => void }>) {
  const field = useRef<HTMLInputElement>(null);
  const [fields, setFields] = useState(NO_FIELDS);
  const [hasDate, setHasDate] = useState(false);
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const title = field.current?.value.trim() ?? "";
    if (title === "") return field.current?.focus();
    const due = dueOf(fields);
    onAdd(due === null ? { title } : { title, due });
    event.currentTarget.reset();
    setFields(NO_FIELDS);
    setHasDate(false);
  }
  return (
    <form onSubmit={submit} className="grid gap-3 border-b p-3 sm:px-4">
      <div className="flex gap-2">
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
        <Button
          type="button"
          variant="outline"
          size="icon"
          className="size-10"
          aria-label="Set a due date"
          aria-expanded={hasDate}
          onClick={() => {
            setHasDate(!hasDate);
            setFields(NO_FIELDS);
          }}
        >
          <CalendarPlus />
        </Button>
        <Button type="submit" className="h-10 font-semibold" aria-label="Add task">
          <Plus /> <span className="hidden sm:inline">Add</span>
        </Button>
      </div>
      {hasDate && <DueFields fields={fields} onChange={setFields} />}
    </form>
  );
}
