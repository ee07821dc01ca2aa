"use client";

import { KeyRound, Trash2, Webhook as WebhookIcon } from "lucide-react";
import { useState, type FormEvent } from "react";

import { ShownOnce } from "@/components/shown-once";
import { Alert, AlertDescription, AlertTitle } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";

import type { AutomationApi, MadeWebhook, RunEnd, Webhook } from "./automation-api";
import { Deliveries } from "./deliveries";
import { Choices, Field, RowItem, RowList, When } from "./list-parts";
import { useRows } from "./use-rows";

const EMPTY = {
  icon: WebhookIcon,
  title: "Nobody is told",
  text: "An address of yours can be told whenever an answer is finished, has failed or was stopped.",
};
const EVENTS: readonly (readonly [RunEnd, string])[] = [
  ["run.completed", "An answer is finished"],
  ["run.failed", "It has failed"],
  ["run.cancelled", "It was stopped"],
];

export function Webhooks({ api }: { api: AutomationApi }) {
  const { rows, failure, reload, attempt, remove } = useRows(api.webhooks, (webhook) => webhook.webhook_id);
  const [made, setMade] = useState<MadeWebhook | null>(null);
  const keep = (answer: { answer: MadeWebhook } | undefined) => {
    setMade((before) => answer?.answer ?? before);
    return answer !== undefined;
  };
  return (
    <>
      <NewWebhook onCreate={async (url, events) => keep(await attempt(() => api.createWebhook(url, events)))} />
      {made !== null && (
        <Alert>
          <AlertTitle>The secret of {new URL(made.url).host}</AlertTitle>
          <AlertDescription className="justify-items-stretch">
            <p>With it the receiver verifies what it is told, by a library for Standard Webhooks.</p>
            <ShownOnce key={made.secret} label="Secret" secret={made.secret} />
          </AlertDescription>
        </Alert>
      )}
      <RowList label="Webhooks" rows={rows} failure={failure} onRetry={reload} empty={EMPTY}>
        {(webhook) => (
          <WebhookRow
            key={webhook.webhook_id}
            webhook={webhook}
            onRotate={async () => keep(await attempt(() => api.rotateSecret(webhook.webhook_id)))}
            onDelete={() => remove(webhook, `${webhook.url} deleted`, () => api.deleteWebhook(webhook.webhook_id))}
          >
            <Deliveries api={api} webhookId={webhook.webhook_id} url={webhook.url} />
          </WebhookRow>
        )}
      </RowList>
    </>
  );
}

type NewProps = Readonly<{ onCreate: (url: string, events: readonly RunEnd[]) => Promise<boolean> }>;

function NewWebhook({ onCreate }: NewProps) {
  const [isBusy, setBusy] = useState(false);
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const fields = new FormData(form);
    setBusy(true);
    const isMade = await onCreate(String(fields.get("url")).trim(), fields.getAll("events") as RunEnd[]);
    if (isMade) form.reset(); // else it can be put right
    setBusy(false);
  }
  return (
    <form onSubmit={submit} className="grid gap-4">
      <Field label="Address">
        {(id) => <Input id={id} name="url" type="url" required maxLength={2_000} placeholder="https://shop.example.org/natter" autoComplete="off" />}
      </Field>
      <Choices legend="Tell it when" name="events" choices={EVENTS} />
      <Button type="submit" className="justify-self-start" disabled={isBusy}>
        Add webhook
      </Button>
    </form>
  );
}

type RowProps = Readonly<{ webhook: Webhook; onRotate: () => Promise<unknown>; onDelete: () => void; children: React.ReactNode }>;

function WebhookRow({ webhook, onRotate, onDelete, children }: RowProps) {
  const wanted = EVENTS.filter(([event]) => webhook.events.includes(event));
  return (
    <RowItem
      actions={
        <>
          <Button size="sm" variant="ghost" onClick={onRotate} aria-label={`New secret for ${webhook.url}`}>
            <KeyRound /> New secret
          </Button>
          <Button size="sm" variant="ghost" onClick={onDelete} aria-label={`Delete ${webhook.url}`}>
            <Trash2 /> Delete
          </Button>
        </>
      }
    >
      <p className="font-medium break-all">{webhook.url}</p>
      <p className="text-muted-foreground">
        {wanted.length === EVENTS.length ? "Every end" : wanted.map(([, label]) => label).join(", ")}
        {webhook.last_attempt_at !== null && (
          <>
            {" · Last told: "}
            <When at={webhook.last_attempt_at} />
          </>
        )}
      </p>
      {webhook.last_error !== null && <p className="text-destructive">{webhook.last_error}</p>}
      {children}
    </RowItem>
  );
}
