"use client";

import { useEffect, useMemo, useState, type FormEvent } from "react";

import { Button } from "@/components/ui/button";
import { Dialog, DialogContent, DialogDescription, DialogFooter, DialogHeader, DialogTitle } from "@/components/ui/dialog";
import { Input } from "@/components/ui/input";
import { NativeSelect } from "@/components/ui/native-select";
import { useOffer } from "@/features/chat/use-assistants";
import { ConversationApi, titleOf, type Conversation } from "@/features/conversations/conversation-api";

import type { AutomationApi, NewSchedule } from "./automation-api";
import { cronOf, instantOf, REPEATS, WEEKDAYS, weekdayName, zoneHere, type Repeat } from "./cron";
import { Field } from "./list-parts";
import { textOf } from "./use-rows";

const TEXT_CHARACTERS_MAX = 2_000;
const OWN = "";

type Props = Readonly<{ api: AutomationApi; userId: string; onMade: () => void; onClose: () => void }>;

export function NewScheduleDialog({ api, userId, onMade, onClose }: Props) {
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const schedule = scheduleOf(new FormData(event.currentTarget));
    if (typeof schedule === "string") return setFailure(schedule);
    setBusy(true);
    setFailure(null);
    try {
      await api.createSchedule(schedule);
      onMade();
      onClose();
    } catch (error) {
      setFailure(textOf(error));
      setBusy(false);
    }
  }
  return (
    <Dialog open onOpenChange={(isOpen) => !isOpen && onClose()}>
      <DialogContent className="max-h-dvh overflow-y-auto sm:max-w-xl">
        <DialogHeader>
          <DialogTitle>New schedule</DialogTitle>
          <DialogDescription>Times are those of {zoneHere()}.</DialogDescription>
        </DialogHeader>
        <form onSubmit={submit} className="grid gap-4">
          <Field label="What">
            {(id) => (
              <NativeSelect id={id} name="kind">
                <option value="reminder">Remind me of this</option>
                <option value="prompt">Do this, as if I asked for it then</option>
              </NativeSelect>
            )}
          </Field>
          <Field label="Text">
            {(id) => <Input id={id} name="text" required maxLength={TEXT_CHARACTERS_MAX} autoComplete="off" dir="auto" />}
          </Field>
          <WhenFields />
          <WhereFields userId={userId} />
          {failure !== null && (
            <p role="alert" className="text-destructive text-sm">
              {failure}
            </p>
          )}
          <DialogFooter>
            <Button type="submit" disabled={isBusy}>
              Create schedule
            </Button>
          </DialogFooter>
        </form>
      </DialogContent>
    </Dialog>
  );
}

function WhenFields() {
  const [repeat, setRepeat] = useState<Repeat>("once");
  return (
    <div className="grid gap-4 sm:grid-cols-3">
      <Field label="Repeat">
        {(id) => (
          <NativeSelect id={id} name="repeat" value={repeat} onChange={({ target }) => setRepeat(target.value as Repeat)}>
            {REPEATS.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </NativeSelect>
        )}
      </Field>
      {repeat === "once" && (
        <Field label="Date">{(id) => <Input id={id} name="date" type="date" required max="2199-12-31" />}</Field>
      )}
      {repeat === "weekly" && (
        <Field label="Day of the week">
          {(id) => (
            <NativeSelect id={id} name="weekday">
              {WEEKDAYS.map((code) => (
                <option key={code} value={code}>
                  {weekdayName(code)}
                </option>
              ))}
            </NativeSelect>
          )}
        </Field>
      )}
      {repeat === "monthly" && (
        <Field label="Day of the month">
          {(id) => <Input id={id} name="day" type="number" min={1} max={31} defaultValue={1} required />}
        </Field>
      )}
      {repeat === "cron" ? (
        <div className="sm:col-span-2">
          <Field label="Minute, hour, day, month, day of the week">
            {(id) => <Input id={id} name="cron" required maxLength={100} placeholder="0 9 * * FRI" autoComplete="off" />}
          </Field>
        </div>
      ) : (
        <Field label="Time">{(id) => <Input id={id} name="time" type="time" defaultValue="09:00" required />}</Field>
      )}
    </div>
  );
}

/** Of several assistants one is chosen, where the schedule has a conversation of its own. */
function WhereFields({ userId }: { userId: string }) {
  const conversations = useRecent(userId);
  const assistants = useOffer(userId)?.data ?? [];
  const [conversationId, setConversationId] = useState(OWN);
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <Field label="Where">
        {(id) => (
          <NativeSelect id={id} name="conversation" value={conversationId} onChange={({ target }) => setConversationId(target.value)}>
            <option value={OWN}>A conversation of its own</option>
            {conversations.map((conversation) => (
              <option key={conversation.id} value={conversation.id}>
                {titleOf(conversation)}
              </option>
            ))}
          </NativeSelect>
        )}
      </Field>
      {conversationId === OWN && assistants.length > 1 && (
        <Field label="Assistant">
          {(id) => (
            <NativeSelect id={id} name="assistant">
              {assistants.map((assistant) => (
                <option key={assistant.assistant_id} value={assistant.assistant_id}>
                  {assistant.name}
                </option>
              ))}
            </NativeSelect>
          )}
        </Field>
      )}
    </div>
  );
}

/** Without an answer there is still a conversation of its own. */
function useRecent(userId: string): readonly Conversation[] {
  const api = useMemo(() => new ConversationApi(userId), [userId]);
  const [found, setFound] = useState<readonly Conversation[]>([]);
  useEffect(() => {
    Promise.all([api.pinned(), api.page(false, null)]).then(
      (pages) => setFound(pages.flatMap((page) => page.data)),
      () => undefined,
    );
  }, [api]);
  return found;
}

/** What the form says, or what is wrong with it. */
function scheduleOf(form: FormData): NewSchedule | string {
  const read = (name: string) => String(form.get(name) ?? "");
  const cron = cronOf({
    repeat: read("repeat") as Repeat,
    time: read("time"),
    weekday: read("weekday"),
    day: read("day"),
    cron: read("cron"),
  });
  const dueAt = cron === null ? instantOf(read("date"), read("time")) : null;
  if (cron === null && (dueAt === null || Date.parse(dueAt) < Date.now())) return "This time is over. Choose another one.";
  return {
    kind: read("kind") === "reminder" ? "reminder" : "prompt",
    text: read("text"),
    time_zone: zoneHere(),
    ...(cron === null ? { due_at: dueAt } : { cron }),
    ...(read("conversation") === OWN ? {} : { conversation_id: read("conversation") }),
    ...(read("assistant") === "" ? {} : { assistant_id: read("assistant") }),
  };
}
