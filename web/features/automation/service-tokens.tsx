"use client";

import { KeyRound, Trash2 } from "lucide-react";
import { useState, type FormEvent } from "react";

import { ShownOnce } from "@/components/shown-once";
import { Alert, AlertDescription, AlertTitle } from "@/components/ui/alert";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Dialog, DialogContent, DialogDescription, DialogFooter, DialogHeader, DialogTitle } from "@/components/ui/dialog";
import { Input } from "@/components/ui/input";
import { NativeSelect } from "@/components/ui/native-select";
import { useOffer, type Assistant } from "@/features/chat/use-assistants";

import type { AutomationApi, MadeServiceToken, NewServiceToken, ServiceToken } from "./automation-api";
import { Choices, Field, RowItem, RowList, When } from "./list-parts";
import { useRows } from "./use-rows";

const EMPTY = {
  icon: KeyRound,
  title: "No other system writes for you",
  text: "With a token of yours a shop, a monitor or a job can send a message in your name. It can do nothing else.",
};
const LIFETIMES: readonly (readonly [string, string])[] = [
  ["7", "7 days"],
  ["30", "30 days"],
  ["90", "90 days"],
  ["365", "a year"],
  ["", "until it is revoked"],
];

export function ServiceTokens({ api, userId }: { api: AutomationApi; userId: string }) {
  const { rows, failure, reload, attempt } = useRows(api.serviceTokens, (token) => token.token_id);
  const assistants = useOffer(userId)?.data ?? [];
  const [made, setMade] = useState<MadeServiceToken | null>(null);
  const [revoking, setRevoking] = useState<ServiceToken | null>(null);
  async function create(token: NewServiceToken): Promise<boolean> {
    const done = await attempt(() => api.createServiceToken(token));
    if (done) setMade(done.answer);
    return done !== undefined;
  }
  async function revoke({ token_id: id }: ServiceToken) {
    setRevoking(null);
    await attempt(() => api.revokeServiceToken(id));
    setMade((shown) => (shown?.token_id === id ? null : shown));
  }
  return (
    <>
      <NewToken assistants={assistants} onCreate={create} />
      {made !== null && (
        <Alert>
          <AlertTitle>The token “{made.name}”</AlertTitle>
          <AlertDescription className="justify-items-stretch">
            <ShownOnce key={made.token} label="Token" secret={made.token} />
          </AlertDescription>
        </Alert>
      )}
      <RowList label="Service tokens" rows={rows} failure={failure} onRetry={reload} empty={EMPTY}>
        {(token) => <TokenRow key={token.token_id} token={token} assistants={assistants} onRevoke={() => setRevoking(token)} />}
      </RowList>
      {revoking !== null && <RevokeDialog name={revoking.name} onRevoke={() => revoke(revoking)} onClose={() => setRevoking(null)} />}
    </>
  );
}

type NewProps = Readonly<{ assistants: readonly Assistant[]; onCreate: (token: NewServiceToken) => Promise<boolean> }>;

function NewToken({ assistants, onCreate }: NewProps) {
  const [isBusy, setBusy] = useState(false);
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const fields = new FormData(form);
    const days = String(fields.get("days"));
    const chosen = fields.getAll("assistants") as string[];
    setBusy(true);
    const isMade = await onCreate({
      name: String(fields.get("name")).trim(),
      // All that are chosen: whichever there are, also those that come later.
      ...(chosen.length < assistants.length ? { assistant_ids: chosen } : {}),
      ...(days === "" ? {} : { expires_in_days: Number(days) }),
    });
    if (isMade) form.reset();
    setBusy(false);
  }
  return (
    <form onSubmit={submit} className="grid gap-4">
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="What uses it">
          {(id) => <Input id={id} name="name" required maxLength={100} placeholder="shop" autoComplete="off" />}
        </Field>
        <Field label="Holds for">
          {(id) => (
            <NativeSelect id={id} name="days" defaultValue="90">
              {LIFETIMES.map(([days, label]) => (
                <option key={days} value={days}>
                  {label}
                </option>
              ))}
            </NativeSelect>
          )}
        </Field>
      </div>
      {assistants.length > 1 && (
        <Choices legend="Answered by" name="assistants" choices={assistants.map((one) => [one.assistant_id, one.name] as const)} />
      )}
      <Button type="submit" className="justify-self-start" disabled={isBusy}>
        Make token
      </Button>
    </form>
  );
}

type RowProps = Readonly<{ token: ServiceToken; assistants: readonly Assistant[]; onRevoke: () => void }>;

function TokenRow({ token, assistants, onRevoke }: RowProps) {
  const [openedAt] = useState(() => Date.now());
  const isOver = token.expires_at !== null && Date.parse(token.expires_at) < openedAt;
  const names = token.assistant_ids.map((id) => assistants.find((one) => one.assistant_id === id)?.name ?? id);
  return (
    <RowItem
      actions={
        <Button size="sm" variant="ghost" onClick={onRevoke} aria-label={`Revoke “${token.name}”`}>
          <Trash2 /> Revoke
        </Button>
      }
    >
      <p className="flex flex-wrap items-center gap-2 font-medium break-words">
        {token.name} {isOver && <Badge variant="outline">Expired</Badge>}
      </p>
      {names.length > 0 && <p>Answered by {names.join(", ")}</p>}
      <p className="text-muted-foreground">
        {token.expires_at === null ? "Holds until it is revoked" : <>Holds until <When at={token.expires_at} /></>}
        {" · "}
        {token.last_used_at === null ? "Not used yet" : <>Last used: <When at={token.last_used_at} /></>}
      </p>
    </RowItem>
  );
}

function RevokeDialog({ name, onRevoke, onClose }: { name: string; onRevoke: () => void; onClose: () => void }) {
  return (
    <Dialog open onOpenChange={(isOpen) => !isOpen && onClose()}>
      <DialogContent>
        <DialogHeader>
          <DialogTitle>Revoke “{name}”?</DialogTitle>
          <DialogDescription>Whatever uses it is refused from now on. What it has begun goes on.</DialogDescription>
        </DialogHeader>
        <DialogFooter>
          <Button variant="outline" onClick={onClose}>
            Keep it
          </Button>
          <Button variant="outline" className="text-destructive hover:text-destructive" onClick={onRevoke}>
            Revoke token
          </Button>
        </DialogFooter>
      </DialogContent>
    </Dialog>
  );
}
