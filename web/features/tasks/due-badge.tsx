"use client";

/** When a todo is due, in words; said to be overdue when it is, without a reload. */
import { CalendarClock, Repeat } from "lucide-react";
import { useEffect, useState } from "react";

import { cn } from "@/lib/utils";

import { dueText, isOverdue, recurrenceText } from "./due";
import type { Due } from "./task-api";

const LOOK_MILLISECONDS = 30_000;

export function DueBadge({ due, isDone }: Readonly<{ due: Due; isDone: boolean }>) {
  const now = useNow();
  const isLate = !isDone && isOverdue(due, now);
  return (
    <p className={cn("mt-0.5 flex flex-wrap items-center gap-x-1.5 text-xs", isLate ? "text-destructive" : "text-muted-foreground")}>
      <CalendarClock aria-hidden className="size-3.5" />
      <time dateTime={due.at}>{dueText(due, now)}</time>
      {isLate && <span>· Overdue</span>}
      {due.recurrence && (
        <span className="flex items-center gap-1">
          <Repeat aria-hidden className="size-3" /> {recurrenceText(due.recurrence)}
        </span>
      )}
    </p>
  );
}

function useNow(): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), LOOK_MILLISECONDS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
