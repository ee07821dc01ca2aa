"use client";

/** The sign-in and the sign-up form: an e-mail address, a password, one button. */
import { Eye, EyeOff, LoaderCircle, TriangleAlert } from "lucide-react";
import Link from "next/link";
import { useId, useState, type FormEvent } from "react";

import { Alert, AlertDescription } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { errorText } from "@/lib/error-text";

import { authClient } from "./auth-client";

type Mode = "sign_in" | "sign_up";

const WORDS = {
  sign_in: { submit: "Sign in", other: "No account yet?", otherLink: "Create one", otherPath: "/sign-up" },
  sign_up: { submit: "Start chatting", other: "Already have an account?", otherLink: "Sign in", otherPath: "/sign-in" },
} as const;

const PASSWORD_CHARACTERS_MIN = 8;

export function CredentialsForm({ mode, pageAfter }: { mode: Mode; pageAfter: string }) {
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const words = WORDS[mode];
  const errorId = useId();

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const credentials = { email: String(fields.get("email")).trim(), password: String(fields.get("password")) };
    setBusy(true);
    setFailure(null);
    const failed = await send(mode, credentials);
    if (failed === null) {
      // A full load: the session begins with a page that was rendered for it.
      location.assign(pageAfter);
      return;
    }
    setBusy(false);
    setFailure(failed);
  }

  const next = pageAfter === "/dashboard/chat" ? "" : `?next=${encodeURIComponent(pageAfter)}`;
  return (
    <form onSubmit={submit} className="grid gap-4" aria-describedby={failure ? errorId : undefined}>
      <EmailField />
      <PasswordField mode={mode} />
      {failure && (
        <Alert variant="destructive" id={errorId}>
          <TriangleAlert />
          <AlertDescription>{failure}</AlertDescription>
        </Alert>
      )}
      <Button type="submit" size="lg" disabled={isBusy} aria-busy={isBusy} className="mt-1 font-semibold">
        {isBusy && <LoaderCircle className="animate-spin" aria-hidden />}
        {words.submit}
      </Button>
      <p className="text-muted-foreground text-center text-sm">
        {words.other}{" "}
        <Link href={`${words.otherPath}${next}`} className="text-brand-text font-medium underline underline-offset-4">
          {words.otherLink}
        </Link>
      </p>
    </form>
  );
}

async function send(mode: Mode, { email, password }: { email: string; password: string }): Promise<string | null> {
  if (!navigator.onLine) return errorText({ code: "offline" });
  try {
    if (mode === "sign_up") {
      const { error } = await authClient.signUp.email({ email, password, name: email.split("@")[0] ?? email });
      if (error) return errorText(error);
    }
    const { error } = await authClient.signIn.email({ email, password });
    if (!error) return null;
    // Whether the address was taken is not told: its owner knows, and has another password.
    return errorText(mode === "sign_up" && error.status === 401 ? { code: "sign_in_instead" } : error);
  } catch {
    return errorText({ code: "unavailable" });
  }
}

function EmailField() {
  const id = useId();
  return (
    <div className="grid gap-2">
      <Label htmlFor={id}>E-mail</Label>
      <Input id={id} name="email" type="email" autoComplete="email" required autoFocus className="h-10" />
    </div>
  );
}

function PasswordField({ mode }: { mode: Mode }) {
  const [isShown, setShown] = useState(false);
  const id = useId();
  const hintId = useId();
  const isNew = mode === "sign_up";
  return (
    <div className="grid gap-2">
      <Label htmlFor={id}>Password</Label>
      <div className="relative">
        <Input
          id={id}
          name="password"
          type={isShown ? "text" : "password"}
          autoComplete={isNew ? "new-password" : "current-password"}
          required
          minLength={isNew ? PASSWORD_CHARACTERS_MIN : undefined}
          maxLength={128}
          aria-describedby={isNew ? hintId : undefined}
          className="h-10 pr-11"
        />
        <Button
          type="button"
          variant="ghost"
          size="icon-sm"
          className="text-muted-foreground absolute top-1 right-1"
          aria-label="Show password"
          aria-pressed={isShown}
          onClick={() => setShown(!isShown)}
        >
          {isShown ? <EyeOff /> : <Eye />}
        </Button>
      </div>
      {isNew && (
        <p id={hintId} className="text-muted-foreground text-xs">
          At least {PASSWORD_CHARACTERS_MIN} characters.
        </p>
      )}
    </div>
  );
}
