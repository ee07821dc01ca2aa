"use client";

import Link from "next/link";
import { useState, type FormEvent } from "react";

import { Alert, AlertDescription } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { accountText } from "@/lib/account-text";

import { authClient } from "./auth-client";
import { EmailField } from "./fields";

type Outcome = "idle" | "busy" | "asked" | Readonly<{ failure: string }>;

/** The answer is the same whether there is such an account or not. */
export function ForgotForm() {
  const [outcome, setOutcome] = useState<Outcome>("idle");
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const email = String(new FormData(event.currentTarget).get("email")).trim();
    setOutcome("busy");
    const { error } = await authClient
      .requestPasswordReset({ email })
      .catch(() => ({ error: { code: "unavailable" } }));
    setOutcome(error === null ? "asked" : { failure: accountText(error) });
  }
  if (outcome === "asked") {
    return (
      <p role="status" className="text-sm">
        If there is an account with this address, a link is on its way to it. It is good for an hour. Look among what
        your mailbox took for spam as well.
      </p>
    );
  }
  return (
    <form onSubmit={submit} className="grid gap-4">
      <EmailField />
      {typeof outcome === "object" && (
        <Alert variant="destructive">
          <AlertDescription>{outcome.failure}</AlertDescription>
        </Alert>
      )}
      <Button type="submit" size="lg" disabled={outcome === "busy"}>
        Send me a link
      </Button>
      <BackToSignIn />
    </form>
  );
}

export function BackToSignIn() {
  return (
    <p className="text-center text-sm">
      <Link href="/sign-in" className="text-brand-text font-medium underline underline-offset-4">
        Back to signing in
      </Link>
    </p>
  );
}
