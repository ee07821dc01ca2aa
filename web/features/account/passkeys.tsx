"use client";

import { KeyRound } from "lucide-react";
import { useCallback, useEffect, useId, useState, type FormEvent } from "react";

import { Alert, AlertDescription } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { authClient } from "@/features/auth/auth-client";
import { accountText } from "@/lib/account-text";

import { deviceName } from "./device-name";

const NAME_CHARACTERS_MAX = 100;
const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

/** Of what Better Auth answers, what is shown. */
type Passkey = Readonly<{ id: string; name?: string | null; createdAt?: string | null }>;

export function Passkeys() {
  const [passkeys, setPasskeys] = useState<readonly Passkey[]>();
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);

  const load = useCallback(async () => {
    const { data, error } = await authClient
      .$fetch<readonly Passkey[], { code?: string }>("/passkey/list-user-passkeys", { method: "GET" })
      .catch(() => UNAVAILABLE);
    if (data) setPasskeys(data);
    if (error) setFailure(accountText(error));
  }, []);
  useEffect(() => {
    // eslint-disable-next-line react-hooks/set-state-in-effect -- what it sets comes with the answer, not in the effect
    void load();
  }, [load]);

  async function change(what: () => Promise<{ error: { code?: string | undefined; status?: number } | null }>) {
    setBusy(true);
    setFailure(null);
    const { error } = await what().catch(() => UNAVAILABLE);
    if (error) setFailure(accountText(error));
    await load();
    setBusy(false);
  }
  function add(name: string) {
    void change(() => authClient.passkey.addPasskey({ name }));
  }
  function remove(passkey: Passkey) {
    void change(() => authClient.$fetch("/passkey/delete-passkey", { method: "POST", body: { id: passkey.id } }));
  }

  return (
    <div className="grid gap-4">
      <ul aria-label="Passkeys" className="divide-y empty:hidden">
        {passkeys?.map((passkey) => (
          <li key={passkey.id} className="flex items-center justify-between gap-2 py-3 first:pt-0 last:pb-0">
            <span className="grid min-w-0 gap-1">
              <span className="truncate font-medium">{nameOf(passkey)}</span>
              {passkey.createdAt && (
                <span className="text-muted-foreground text-sm">Since {WHEN.format(new Date(passkey.createdAt))}</span>
              )}
            </span>
            <Button variant="outline" aria-label={`Delete ${nameOf(passkey)}`} disabled={isBusy} onClick={() => remove(passkey)}>
              Delete
            </Button>
          </li>
        ))}
      </ul>
      {failure && (
        <Alert variant="destructive">
          <AlertDescription>{failure}</AlertDescription>
        </Alert>
      )}
      {passkeys !== undefined && <AddForm isBusy={isBusy} onAdd={add} />}
    </div>
  );
}

/** Not before there is a browser, which the device's name comes from. */
function AddForm({ isBusy, onAdd }: Readonly<{ isBusy: boolean; onAdd: (name: string) => void }>) {
  const id = useId();
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    onAdd(String(new FormData(event.currentTarget).get("name")).trim());
  }
  return (
    <form onSubmit={submit} className="flex flex-wrap items-end gap-2">
      <div className="grid max-w-sm grow gap-2">
        <Label htmlFor={id}>Name of the passkey</Label>
        <Input id={id} name="name" maxLength={NAME_CHARACTERS_MAX} required defaultValue={deviceName(navigator.userAgent)} />
      </div>
      <Button type="submit" variant="outline" disabled={isBusy}>
        <KeyRound aria-hidden /> Add a passkey
      </Button>
    </form>
  );
}

const UNAVAILABLE = { data: null, error: { code: "unavailable", status: 503 } };

function nameOf({ name }: Passkey): string {
  return name || "Passkey";
}
