"use client";

import { KeyRound } from "lucide-react";
import { useState } from "react";

import { Alert, AlertDescription } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import type { Door } from "@/lib/door";
import { errorText } from "@/lib/error-text";

import { authClient } from "./auth-client";

/** A button for each OpenID Connect provider of this server. What goes wrong there comes back as `?error=`. */
export function Providers({ providers, pageAfter }: { providers: Door["providers"]; pageAfter: string }) {
  const [failure, setFailure] = useState<string | null>(null);
  if (providers.length === 0) return null;
  async function leave(provider: string) {
    const { error } = await authClient.signIn
      .social({ provider, callbackURL: pageAfter, errorCallbackURL: `/sign-in?next=${encodeURIComponent(pageAfter)}` })
      .catch(() => ({ error: { code: "unavailable" } }));
    setFailure(error === null ? null : errorText(error));
  }
  return (
    <div className="mt-6 grid gap-3 border-t pt-6">
      {failure && (
        <Alert variant="destructive">
          <AlertDescription>{failure}</AlertDescription>
        </Alert>
      )}
      {providers.map(({ id, name }) => (
        <Button key={id} variant="outline" size="lg" onClick={() => leave(id)}>
          <KeyRound aria-hidden /> Continue with {name}
        </Button>
      ))}
    </div>
  );
}
