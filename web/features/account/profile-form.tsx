"use client";

import { useRouter } from "next/navigation";
import { useId, useState, type FormEvent } from "react";

import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { authClient } from "@/features/auth/auth-client";
import { accountText } from "@/lib/account-text";

import { FormEnd, type Outcome } from "./form-end";

const NAME_CHARACTERS_MAX = 100;

/** The server has the last word on what a name may be (server/accounts.ts). */
export function ProfileForm({ name }: Readonly<{ name: string }>) {
  const [outcome, setOutcome] = useState<Outcome>("idle");
  const router = useRouter();
  const id = useId();
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    setOutcome("busy");
    const { error } = await authClient
      .updateUser({ name: String(fields.get("name")).trim() })
      .catch(() => ({ error: { code: "unavailable" } }));
    setOutcome(error === null ? { done: "Your profile is saved." } : { failure: accountText(error) });
    if (error === null) router.refresh(); // the header shows it
  }
  return (
    <form onSubmit={submit} className="grid max-w-sm gap-4">
      <div className="grid gap-2">
        <Label htmlFor={id}>Name</Label>
        <Input id={id} name="name" defaultValue={name} required maxLength={NAME_CHARACTERS_MAX} autoComplete="name" />
      </div>
      <FormEnd outcome={outcome} button="Save profile" />
    </form>
  );
}
