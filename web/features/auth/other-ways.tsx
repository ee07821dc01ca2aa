"use client";

import { KeyRound, LogIn } from "lucide-react";
import { useState } from "react";

import { Alert, AlertDescription } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import type { Door } from "@/lib/door";
import { accountText } from "@/lib/account-text";

import { authClient } from "./auth-client";

type Props = Readonly<{ providers: Door["providers"]; takesPasskeys: boolean; pageAfter: string }>;

/** A passkey, and a button for each OpenID Connect provider. What goes wrong at a provider comes back as `?error=`. */
export function OtherWays({ providers, takesPasskeys, pageAfter }: Props) {
  const [failure, setFailure] = useState<string | null>(null);
  if (providers.length === 0 && !takesPasskeys) return null;
  async function attempt(way: () => Promise<{ error: { code?: string | undefined; status?: number } | null }>) {
    setFailure(null);
    const { error } = await way().catch(() => ({ error: { code: "unavailable" } }));
    if (error !== null) setFailure(accountText(error));
    return error === null;
  }
  async function usePasskey() {
    // A full load: the session begins with a page that was rendered for it.
    if (await attempt(() => authClient.signIn.passkey())) location.assign(pageAfter);
  }
  async function leave(provider: string) {
    const errorCallbackURL = `/sign-in?next=${encodeURIComponent(pageAfter)}`;
    await attempt(() => authClient.signIn.social({ provider, callbackURL: pageAfter, errorCallbackURL }));
  }
  return (
    <div className="mt-6 grid gap-3 border-t pt-6">
      {failure && (
        <Alert variant="destructive">
          <AlertDescription>{failure}</AlertDescription>
        </Alert>
      )}
      {takesPasskeys && (
        <Button variant="outline" size="lg" onClick={usePasskey}>
          <KeyRound aria-hidden /> Use a passkey
        </Button>
      )}
      {providers.map(({ id, name }) => (
        <Button key={id} variant="outline" size="lg" onClick={() => leave(id)}>
          <LogIn aria-hidden /> Continue with {name}
        </Button>
      ))}
    </div>
  );
}
