"use client";

import Link from "next/link";
import { useState } from "react";

import { Alert, AlertDescription } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { accountText } from "@/lib/account-text";

import { authClient } from "./auth-client";
import { useLinkToken } from "./link-token";

type Outcome = "idle" | "busy" | "done" | Readonly<{ failure: string }>;

/** A button, because scanners of mail open every link: they must not confirm what nobody has read. */
export function ConfirmEmail() {
  const [outcome, setOutcome] = useState<Outcome>("idle");
  const token = useLinkToken();
  async function confirm() {
    setOutcome("busy");
    const { error } = await authClient
      .verifyEmail({ query: { token } })
      .catch(() => ({ error: { code: "unavailable" } }));
    setOutcome(error === null ? "done" : { failure: accountText(error) });
  }
  if (outcome === "done") {
    return (
      <div className="grid gap-4 text-sm">
        <p role="status">
          Thank you, that is confirmed. If you are changing your address, look into the new mailbox: unless the address
          is yours already, there is one more link.
        </p>
        <Link href="/dashboard/account" className="text-brand-text font-medium underline underline-offset-4">
          Go to your account
        </Link>
      </div>
    );
  }
  return (
    <div className="grid gap-4">
      {typeof outcome === "object" && (
        <Alert variant="destructive">
          <AlertDescription>{outcome.failure}</AlertDescription>
        </Alert>
      )}
      <Button size="lg" onClick={confirm} disabled={outcome === "busy"}>
        Confirm
      </Button>
    </div>
  );
}
