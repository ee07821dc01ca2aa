"use client";

import { useState } from "react";

import { Alert, AlertDescription } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { authClient } from "@/features/auth/auth-client";
import { announceSignOut } from "@/features/auth/leaving";
import { accountText } from "@/lib/account-text";
import { forgetWhatWasRead } from "@/lib/read-cache";

/** Ends every session of the user, this one as well, and with them what pages elsewhere may still write. */
export function SignOutEverywhere() {
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  async function leave() {
    setBusy(true);
    setFailure(null);
    const { error } = await authClient.revokeSessions().catch(() => ({ error: { code: "unavailable" } }));
    if (error === null) {
      announceSignOut();
      await forgetWhatWasRead();
      location.assign("/sign-in");
      return;
    }
    setBusy(false);
    setFailure(accountText(error));
  }
  return (
    <div className="grid gap-4">
      <Button variant="outline" className="w-fit" disabled={isBusy} onClick={leave}>
        Sign out everywhere
      </Button>
      {failure && (
        <Alert variant="destructive">
          <AlertDescription>{failure}</AlertDescription>
        </Alert>
      )}
    </div>
  );
}
