"use client";

import { CalendarClock, Pause, Play, Plus, Trash2 } from "lucide-react";
import Link from "next/link";
import { useState } from "react";

import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { conversationUrl } from "@/features/chat/use-conversation";
import { useUserStream } from "@/features/live/user-stream";
import { errorText } from "@/lib/error-text";

import type { AutomationApi, Schedule } from "./automation-api";
import { cronText, zoneHere } from "./cron";
import { RowItem, RowList, When } from "./list-parts";
import { NewScheduleDialog } from "./new-schedule";
import { useRows } from "./use-rows";

const EMPTY = {
  icon: CalendarClock,
  title: "Nothing is scheduled",
  text: "Have Natter remind you, or do something for you, once or again and again. You can also ask for it in the chat.",
};
const STATUS: Record<Schedule["status"], string> = { active: "Active", paused: "Paused", done: "Done" };

/** Reminders of todos are not among them: they are kept with their todo. */
export function Schedules({ api, userId }: { api: AutomationApi; userId: string }) {
  const { rows, failure, reload, attempt, remove } = useRows(api.schedules, (schedule) => schedule.schedule_id);
  const [isMaking, setMaking] = useState(false);
  useUserStream((event) => {
    if (event.kind === "schedule" || event.kind === "open") void reload();
  });
  return (
    <>
      <Button className="justify-self-start" onClick={() => setMaking(true)}>
        <Plus /> New schedule
      </Button>
      <RowList label="Schedules" rows={rows} failure={failure} onRetry={reload} empty={EMPTY}>
        {(schedule) => (
          <ScheduleRow
            key={schedule.schedule_id}
            schedule={schedule}
            onPause={(paused) => attempt(() => api.pauseSchedule(schedule.schedule_id, paused))}
            onDelete={() => remove(schedule, `“${schedule.text}” deleted`, () => api.deleteSchedule(schedule.schedule_id))}
          />
        )}
      </RowList>
      {isMaking && <NewScheduleDialog api={api} userId={userId} onMade={reload} onClose={() => setMaking(false)} />}
    </>
  );
}

type RowProps = Readonly<{ schedule: Schedule; onPause: (paused: boolean) => Promise<unknown>; onDelete: () => void }>;

function ScheduleRow({ schedule, onPause, onDelete }: RowProps) {
  const [isBusy, setBusy] = useState(false);
  const { text, kind, status } = schedule;
  async function pause() {
    setBusy(true);
    await onPause(status === "active");
    setBusy(false);
  }
  return (
    <RowItem
      actions={
        <>
          {status !== "done" && (
            <Button size="sm" variant="ghost" disabled={isBusy} onClick={pause} aria-label={`${status === "active" ? "Pause" : "Resume"} “${text}”`}>
              {status === "active" ? <Pause /> : <Play />} {status === "active" ? "Pause" : "Resume"}
            </Button>
          )}
          <Button size="sm" variant="ghost" onClick={onDelete} aria-label={`Delete “${text}”`}>
            <Trash2 /> Delete
          </Button>
        </>
      }
    >
      <p className="line-clamp-3 font-medium break-words" dir="auto">
        {text}
      </p>
      <p className="flex flex-wrap items-center gap-2">
        <Badge variant="secondary">{kind === "reminder" ? "Reminder" : "Request"}</Badge>
        {status !== "active" && <Badge variant="outline">{STATUS[status]}</Badge>}
        <span>{rhythmOf(schedule)}</span>
      </p>
      <p className="text-muted-foreground">
        {schedule.next_due_at !== null && (
          <>
            Next: <When at={schedule.next_due_at} />
          </>
        )}
        {schedule.last_due_at !== null && (
          <>
            {schedule.next_due_at !== null && " · "}
            Last: <When at={schedule.last_due_at} />
          </>
        )}
        {schedule.conversation_id !== null && (
          <>
            {" · "}
            <Link className="underline underline-offset-4" href={conversationUrl(schedule.conversation_id)}>
              Conversation
            </Link>
          </>
        )}
      </p>
      {schedule.last_error_code !== null && (
        <p className="text-destructive">The last one did not begin: {errorText({ code: schedule.last_error_code })}</p>
      )}
    </RowItem>
  );
}

/** The clock of a rhythm is that of the schedule's zone: it is named where it is another one than here. */
function rhythmOf({ cron, due_at: dueAt, time_zone: zone }: Schedule): React.ReactNode {
  if (cron !== null) return `${cronText(cron)}${zone === zoneHere() ? "" : ` (${zone})`}`;
  return dueAt === null ? "" : <>Once, <When at={dueAt} /></>;
}
