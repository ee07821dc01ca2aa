"use client";

import { useId, useState, type FormEvent } from "react";

import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { authClient } from "@/features/auth/auth-client";
import { accountText } from "@/lib/account-text";

import { FormEnd, type Outcome } from "./form-end";

type Props = Readonly<{ email: string; isConfirmed: boolean }>;
/** Only where the server sends e-mails. The answer is the same for an address that is somebody else's. */
export function EmailForm({ email, isConfirmed }: Props) {
  const [outcome, setOutcome] = useState<Outcome>("idle");
  const id = useId();

  async function run(work: Promise<{ error: { code?: string | undefined; status?: number } | null }>, done: string) {
    setOutcome("busy");
    const { error } = await work.catch(() => ({ error: { code: "unavailable" } }));
    setOutcome(error === null ? { done } : { failure: accountText(error) });
  }
  function change(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const newEmail = String(new FormData(event.currentTarget).get("email")).trim();
    const where = isConfirmed ? "the address of now" : "the new address";
    void run(authClient.changeEmail({ newEmail }), `If the new address can be used, a link is on its way to ${where}.`);
  }
  return (
    <form onSubmit={change} className="grid max-w-sm gap-4">
      <p className="flex flex-wrap items-center gap-2 text-sm">
        <span className="break-all">{email}</span>
        <Badge variant="secondary">{isConfirmed ? "Confirmed" : "Not confirmed"}</Badge>
        {!isConfirmed && (
          <Button
            type="button"
            variant="link"
            className="h-auto p-0"
            onClick={() => run(authClient.sendVerificationEmail({ email }), "A link is on its way to your mailbox.")}
          >
            Send the link again
          </Button>
        )}
      </p>
      <div className="grid gap-2">
        <Label htmlFor={id}>New address</Label>
        <Input id={id} name="email" type="email" autoComplete="email" required maxLength={254} />
      </div>
      <FormEnd outcome={outcome} button="Change address" />
    </form>
  );
}
