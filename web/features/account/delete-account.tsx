"use client";

import { Fragment, useId, useState, type FormEvent } from "react";

import { Alert, AlertDescription } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import {
  Dialog,
  DialogContent,
  DialogDescription,
  DialogFooter,
  DialogHeader,
  DialogTitle,
  DialogTrigger,
} from "@/components/ui/dialog";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { authClient } from "@/features/auth/auth-client";
import { announceSignOut, stayHere } from "@/features/auth/leaving";
import type { components } from "@/generated/conversation-api.gen";
import { accountText } from "@/lib/account-text";
import { forgetWhatWasRead } from "@/lib/read-cache";

export function DeleteAccount({ hasPassword }: { hasPassword: boolean }) {
  return (
    <Dialog>
      <DialogTrigger asChild>
        <Button variant="outline" className="text-destructive hover:text-destructive">
          Delete account…
        </Button>
      </DialogTrigger>
      <DialogContent>
        <DialogHeader>
          <DialogTitle>Delete your account?</DialogTitle>
          <DialogDescription>
            Your conversations, your tasks and your account are erased at once and cannot be brought back.
          </DialogDescription>
        </DialogHeader>
        <ConfirmForm hasPassword={hasPassword} />
      </DialogContent>
    </Dialog>
  );
}

type ErasureReceipt = components["schemas"]["Receipt"];

/** The answer of /delete-user, with what the store erased (server/auth-options.ts). */
type Deleted = Readonly<{ receipt?: ErasureReceipt }>;

/** Without a password Better Auth wants somebody who has signed in lately. */
function ConfirmForm({ hasPassword }: { hasPassword: boolean }) {
  const [receipt, setReceipt] = useState<ErasureReceipt | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const id = useId();
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const proof = hasPassword ? { password: String(new FormData(event.currentTarget).get("password")) } : {};
    setBusy(true);
    setFailure(null);
    const { data, error } = await authClient
      .deleteUser(proof)
      .catch(() => ({ data: null, error: { code: "unavailable" } }));
    if (error === null) {
      stayHere(); // to show the receipt: the session has ended, and other parts of the page learn it now
      announceSignOut();
      await forgetWhatWasRead();
      const deleted = data as Deleted | null;
      if (deleted?.receipt === undefined) location.assign("/");
      else setReceipt(deleted.receipt);
      return;
    }
    setBusy(false);
    setFailure(accountText(error));
  }
  if (receipt !== null) return <Receipt receipt={receipt} />;
  return (
    <form onSubmit={submit} className="grid gap-4">
      {hasPassword && (
        <div className="grid gap-2">
          <Label htmlFor={id}>Your password</Label>
          <Input id={id} name="password" type="password" autoComplete="current-password" required />
        </div>
      )}
      {failure && (
        <Alert variant="destructive">
          <AlertDescription>{failure}</AlertDescription>
        </Alert>
      )}
      <DialogFooter>
        <Button type="submit" variant="outline" className="text-destructive hover:text-destructive" disabled={isBusy}>
          Delete everything
        </Button>
      </DialogFooter>
    </form>
  );
}

/** Shown once, to whoever wants to keep it: it names nobody, and is the only thing that stays. */
function Receipt({ receipt }: { receipt: ErasureReceipt }) {
  const erased = Object.entries(receipt.counts).filter(([, count]) => count > 0);
  return (
    <div className="grid gap-4">
      <p role="status">Your account is deleted. This is the receipt:</p>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-sm">
        <dt className="text-muted-foreground">Receipt</dt>
        <dd className="break-all">{receipt.receipt_id}</dd>
        <dt className="text-muted-foreground">Erased</dt>
        <dd>{new Date(receipt.erased_at).toLocaleString()}</dd>
        {erased.map(([kind, count]) => (
          <Fragment key={kind}>
            <dt className="text-muted-foreground">{kind.replaceAll("_", " ")}</dt>
            <dd>{count}</dd>
          </Fragment>
        ))}
      </dl>
      <DialogFooter>
        <Button asChild variant="outline">
          <a
            href={`data:application/json,${encodeURIComponent(JSON.stringify(receipt, null, 2))}`}
            download="natter-receipt.json"
          >
            Keep it
          </a>
        </Button>
        <Button asChild>
          {/* eslint-disable-next-line @next/next/no-html-link-for-pages -- a full load: nothing of the account stays */}
          <a href="/">Done</a>
        </Button>
      </DialogFooter>
    </div>
  );
}
