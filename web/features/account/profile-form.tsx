"use client";

import { useRouter } from "next/navigation";
import { useId, useState, type FormEvent } from "react";

import { Alert, AlertDescription } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { authClient } from "@/features/auth/auth-client";
import { errorText } from "@/lib/error-text";

const NAME_CHARACTERS_MAX = 100;

type Outcome = "idle" | "busy" | "saved" | Readonly<{ failure: string }>;

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
    setOutcome(error === null ? "saved" : { failure: errorText(error) });
    if (error === null) router.refresh(); // the header shows it
  }
  return (
    <form onSubmit={submit} className="grid max-w-sm gap-4">
      <div className="grid gap-2">
        <Label htmlFor={id}>Name</Label>
        <Input id={id} name="name" defaultValue={name} required maxLength={NAME_CHARACTERS_MAX} autoComplete="name" />
      </div>
      <p role="status" className="text-brand-text text-sm empty:hidden">
        {outcome === "saved" ? "Your profile is saved." : ""}
      </p>
      {typeof outcome === "object" && (
        <Alert variant="destructive">
          <AlertDescription>{outcome.failure}</AlertDescription>
        </Alert>
      )}
      <Button type="submit" variant="outline" className="w-fit" disabled={outcome === "busy"}>
        Save profile
      </Button>
    </form>
  );
}
