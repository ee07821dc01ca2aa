"use client";

import { useRouter } from "next/navigation";
import { useState } from "react";

import { Alert, AlertDescription } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { authClient } from "@/features/auth/auth-client";
import type { Door } from "@/lib/door";
import { accountText } from "@/lib/account-text";

/** `id` is the link's own. */
export type Linked = Readonly<{ id: string; providerId: string }>;

type Props = Readonly<{ providers: Door["providers"]; linked: readonly Linked[]; failed: string | null }>;

/** An account elsewhere is connected by signing in there while one is signed in here: that is the proof of both. */
export function LinkedAccounts({ providers, linked, failed }: Props) {
  const [failure, setFailure] = useState(failed === null ? null : accountText({ code: failed }));
  const router = useRouter();
  async function connect(provider: string) {
    const { error } = await authClient
      .linkSocial({ provider, callbackURL: "/dashboard/account", errorCallbackURL: "/dashboard/account" })
      .catch(() => ({ error: { code: "unavailable" } }));
    if (error !== null) setFailure(accountText(error));
  }
  async function disconnect(accountId: string) {
    const { error } = await authClient.unlinkAccount({ accountId }).catch(() => ({ error: { code: "unavailable" } }));
    setFailure(error === null ? null : accountText(error));
    if (error === null) router.refresh();
  }
  return (
    <>
      {failure && (
        <Alert variant="destructive">
          <AlertDescription>{failure}</AlertDescription>
        </Alert>
      )}
      <ul className="divide-y">
        {providers.map(({ id, name }) => ({ id, name, link: linked.find(({ providerId }) => providerId === id) })).map(({ id, name, link }) => (
          <li key={id} className="flex items-center justify-between gap-2 py-3 first:pt-0 last:pb-0">
            <span className="font-medium">{name}</span>
            {link ? (
              <Button variant="outline" aria-label={`Disconnect ${name}`} onClick={() => disconnect(link.id)}>
                Disconnect
              </Button>
            ) : (
              <Button variant="outline" aria-label={`Connect ${name}`} onClick={() => connect(id)}>
                Connect
              </Button>
            )}
          </li>
        ))}
      </ul>
    </>
  );
}
