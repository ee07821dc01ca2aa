"use client";

import { useState, type FormEvent } from "react";

import { Alert, AlertDescription } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { accountText } from "@/lib/account-text";

import { authClient } from "./auth-client";
import { PasswordField } from "./fields";
import { BackToSignIn } from "./forgot-form";
import { useLinkToken } from "./link-token";

type Outcome = "idle" | "busy" | "done" | Readonly<{ failure: string }>;

export function ResetForm() {
  const [outcome, setOutcome] = useState<Outcome>("idle");
  const token = useLinkToken();
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const newPassword = String(new FormData(event.currentTarget).get("password"));
    setOutcome("busy");
    const { error } = await authClient
      .resetPassword({ newPassword, token })
      .catch(() => ({ error: { code: "unavailable" } }));
    setOutcome(error === null ? "done" : { failure: accountText(error) });
  }
  if (outcome === "done") {
    return (
      <div className="grid gap-4">
        <p role="status" className="text-sm">
          Your password is changed, and you are signed out everywhere.
        </p>
        <BackToSignIn />
      </div>
    );
  }
  return (
    <form onSubmit={submit} className="grid gap-4">
      <PasswordField isNew />
      {typeof outcome === "object" && (
        <Alert variant="destructive">
          <AlertDescription>{outcome.failure}</AlertDescription>
        </Alert>
      )}
      <Button type="submit" size="lg" disabled={outcome === "busy"}>
        Save the new password
      </Button>
    </form>
  );
}
