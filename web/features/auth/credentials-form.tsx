"use client";

/** The sign-in and the sign-up form: an e-mail address, a password, one button. */
import { LoaderCircle, TriangleAlert } from "lucide-react";
import Link from "next/link";
import { useId, useState, type FormEvent } from "react";

import { Alert, AlertDescription } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { accountText } from "@/lib/account-text";

import { authClient } from "./auth-client";
import type { Door } from "@/lib/door";
import { EmailField, PasswordField } from "./fields";
import { readInvitation, useLinkToken } from "./link-token";

type Mode = "sign_in" | "sign_up";

const WORDS = {
  sign_in: { submit: "Sign in", other: "No account yet?", otherLink: "Create one", otherPath: "/sign-up" },
  sign_up: { submit: "Start chatting", other: "Already have an account?", otherLink: "Sign in", otherPath: "/sign-in" },
} as const;

export function CredentialsForm({ mode, door, pageAfter }: { mode: Mode; door: Door; pageAfter: string }) {
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [isSent, setSent] = useState(false);
  const invited = readInvitation(useLinkToken());
  const words = WORDS[mode];
  const errorId = useId();

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const credentials = { email: String(fields.get("email")).trim(), password: String(fields.get("password")) };
    setBusy(true);
    setFailure(null);
    const failed = await send(mode, door, { ...credentials, invitation: invited?.invitation });
    if (failed === null && mode === "sign_up" && door.requiresConfirmedEmail) {
      setSent(true);
      return;
    }
    if (failed === null) {
      // A full load: the session begins with a page that was rendered for it.
      location.assign(pageAfter);
      return;
    }
    setBusy(false);
    setFailure(failed);
  }

  if (isSent) return <LookIntoYourMailbox />;
  const next = pageAfter === "/dashboard/chat" ? "" : `?next=${encodeURIComponent(pageAfter)}`;
  return (
    <form onSubmit={submit} className="grid gap-4" aria-describedby={failure ? errorId : undefined}>
      <EmailField given={invited?.email} />
      <PasswordField isNew={mode === "sign_up"} />
      {mode === "sign_in" && (
        <Link href="/forgot-password" className="text-muted-foreground -mt-2 w-fit text-sm underline underline-offset-4">
          Forgot your password?
        </Link>
      )}
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
      {(mode === "sign_up" || door.signUp === "open") && (
        <p className="text-muted-foreground text-center text-sm">
          {words.other}{" "}
          <Link href={`${words.otherPath}${next}`} className="text-brand-text font-medium underline underline-offset-4">
            {words.otherLink}
          </Link>
        </p>
      )}
    </form>
  );
}

function LookIntoYourMailbox() {
  return (
    <p role="status" className="text-sm">
      A link is on its way to your mailbox. Open it to confirm your address, then <Link href="/sign-in" className="text-brand-text font-medium underline underline-offset-4">sign in</Link>.
    </p>
  );
}

type Credentials = Readonly<{ email: string; password: string; invitation?: string | undefined }>;

async function send(mode: Mode, door: Door, { email, password, invitation }: Credentials): Promise<string | null> {
  if (!navigator.onLine) return accountText({ code: "offline" });
  try {
    if (mode === "sign_up") {
      const account = { email, password, name: email.split("@")[0] ?? email, ...(invitation && { invitation }) };
      const { error } = await authClient.signUp.email(account);
      if (error) return accountText(error);
      // The same for an address that is taken: its owner gets another e-mail.
      if (door.requiresConfirmedEmail) return null;
    }
    const { error } = await authClient.signIn.email({ email, password });
    if (!error) return null;
    // Whether the address was taken is not told: its owner knows, and has another password.
    if (mode === "sign_up" && error.status === 401) return accountText({ code: "sign_in_instead" });
    return accountText(error.status === 401 && door.requiresConfirmedEmail ? { code: "wrong_or_unconfirmed" } : error);
  } catch {
    return accountText({ code: "unavailable" });
  }
}
