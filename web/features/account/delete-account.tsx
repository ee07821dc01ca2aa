"use client";

import { useId, useState, type FormEvent } from "react";

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
import { announceSignOut, authClient } from "@/features/auth/auth-client";
import { errorText } from "@/lib/error-text";

export function DeleteAccount() {
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
        <ConfirmForm />
      </DialogContent>
    </Dialog>
  );
}

function ConfirmForm() {
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const id = useId();
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const password = String(new FormData(event.currentTarget).get("password"));
    setBusy(true);
    setFailure(null);
    const { error } = await authClient
      .deleteUser({ password })
      .catch(() => ({ error: { code: "unavailable" } }));
    if (error === null) {
      announceSignOut();
      location.assign("/");
      return;
    }
    setBusy(false);
    setFailure(errorText(error));
  }
  return (
    <form onSubmit={submit} className="grid gap-4">
      <div className="grid gap-2">
        <Label htmlFor={id}>Your password</Label>
        <Input id={id} name="password" type="password" autoComplete="current-password" required />
      </div>
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
