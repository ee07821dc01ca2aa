"use client";

import { useId, useState, type FormEvent } from "react";

import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { authClient } from "@/features/auth/auth-client";
import { accountText } from "@/lib/account-text";

import { FormEnd, type Outcome } from "./form-end";

const PASSWORD_CHARACTERS_MIN = 8;

/** Changing the password ends every other session of the user. */
export function PasswordForm() {
  const [outcome, setOutcome] = useState<Outcome>("idle");
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const fields = new FormData(form);
    setOutcome("busy");
    const { error } = await authClient
      .changePassword({
        currentPassword: String(fields.get("current")),
        newPassword: String(fields.get("new")),
        revokeOtherSessions: true,
      })
      .catch(() => ({ error: { code: "unavailable" } }));
    if (error === null) form.reset();
    setOutcome(error === null ? { done: "Your password is changed, and every other session is signed out." } : { failure: accountText(error) });
  }
  return (
    <form onSubmit={submit} className="grid max-w-sm gap-4">
      <PasswordInput name="current" label="Current password" autoComplete="current-password" />
      <PasswordInput name="new" label="New password" autoComplete="new-password" minLength={PASSWORD_CHARACTERS_MIN} />
      <FormEnd outcome={outcome} button="Change password" />
    </form>
  );
}

type InputProps = Readonly<{ name: string; label: string; autoComplete: string; minLength?: number }>;

function PasswordInput({ label, ...props }: InputProps) {
  const id = useId();
  return (
    <div className="grid gap-2">
      <Label htmlFor={id}>{label}</Label>
      <Input id={id} type="password" required maxLength={128} {...props} />
    </div>
  );
}
