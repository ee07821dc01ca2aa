"use client";

import { KeyRound, Trash2, Webhook as WebhookIcon } from "lucide-react";
import { useId, useState, type FormEvent } from "react";

import { ShownOnce } from "@/components/shown-once";
import { Alert, AlertDescription, AlertTitle } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";

import type { AutomationApi, MadeWebhook, Webhook } from "./automation-api";
import { RowItem, RowList, When } from "./list-parts";
import { useRows } from "./use-rows";

const EMPTY = {
  icon: WebhookIcon,
  title: "Nobody is told",
  text: "An address of yours can be told whenever an answer is finished, has failed or was stopped.",
};

export function Webhooks({ api }: { api: AutomationApi }) {
  const { rows, failure, reload, attempt, remove } = useRows(api.webhooks, (webhook) => webhook.webhook_id);
  const [made, setMade] = useState<MadeWebhook | null>(null);
  const keep = (answer: { answer: MadeWebhook } | undefined) => setMade((before) => answer?.answer ?? before);
  return (
    <>
      <NewWebhook onCreate={async (url) => keep(await attempt(() => api.createWebhook(url)))} />
      {made !== null && (
        <Alert>
          <AlertTitle>The secret of {new URL(made.url).host}</AlertTitle>
          <AlertDescription className="justify-items-stretch">
            <p>With it the receiver verifies what it is told, by a library for Standard Webhooks.</p>
            <ShownOnce label="Secret" secret={made.secret} />
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
          />
        )}
      </RowList>
    </>
  );
}

function NewWebhook({ onCreate }: { onCreate: (url: string) => Promise<void> }) {
  const [isBusy, setBusy] = useState(false);
  const id = useId();
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    setBusy(true);
    await onCreate(String(new FormData(form).get("url")).trim());
    form.reset();
    setBusy(false);
  }
  return (
    <form onSubmit={submit} className="grid gap-1.5">
      <Label htmlFor={id}>Address</Label>
      <div className="flex gap-2">
        <Input id={id} name="url" type="url" required maxLength={2_000} placeholder="https://shop.example.org/natter" autoComplete="off" />
        <Button type="submit" disabled={isBusy}>
          Add webhook
        </Button>
      </div>
    </form>
  );
}

type RowProps = Readonly<{ webhook: Webhook; onRotate: () => Promise<void>; onDelete: () => void }>;

function WebhookRow({ webhook, onRotate, onDelete }: RowProps) {
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
        {webhook.last_attempt_at === null ? (
          "Nothing was told yet."
        ) : (
          <>
            Last told: <When at={webhook.last_attempt_at} />
          </>
        )}
      </p>
      {webhook.last_error !== null && <p className="text-destructive">{webhook.last_error}</p>}
    </RowItem>
  );
}
