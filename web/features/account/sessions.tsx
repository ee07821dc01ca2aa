"use client";

import { useCallback, useEffect, useState } from "react";

import { Alert, AlertDescription } from "@/components/ui/alert";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { authClient } from "@/features/auth/auth-client";
import { accountText } from "@/lib/account-text";

import { deviceName } from "./device-name";

/** As server/own-sessions.ts answers: `userAgent` and `address` are what was said when it began. */
type Session = Readonly<{
  id: string;
  isThisOne: boolean;
  userAgent: string | null;
  address: string | null;
  beganAt: string;
}>;

const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Where the user is signed in. To end one also ends what it was given: chats that are open there stop at once. */
export function Sessions() {
  const [sessions, setSessions] = useState<readonly Session[]>();
  const [failure, setFailure] = useState<string | null>(null);
  const [ending, setEnding] = useState<string | null>(null);

  const load = useCallback(async () => {
    const { data, error } = await ask<readonly Session[]>("/sessions", { method: "GET" });
    if (data) setSessions(data);
    setFailure(error ? accountText(error) : null);
  }, []);
  useEffect(() => {
    // eslint-disable-next-line react-hooks/set-state-in-effect -- what it sets comes with the answer, not in the effect
    void load();
  }, [load]);

  async function end(id: string) {
    setEnding(id);
    const { error } = await ask("/end-session", { method: "POST", body: { id } });
    await load(); // one that was gone already is not shown any more either
    if (error && error.code !== "SESSION_GONE") setFailure(accountText(error));
    setEnding(null);
  }

  return (
    <>
      {failure && (
        <Alert variant="destructive">
          <AlertDescription>{failure}</AlertDescription>
        </Alert>
      )}
      {sessions === undefined && failure === null && <Skeleton className="h-12" />}
      <ul aria-label="Sessions" className="divide-y empty:hidden">
        {sessions?.map((session) => (
          <li key={session.id} className="flex flex-wrap items-center justify-between gap-2 py-3 first:pt-0 last:pb-0">
            <div className="grid min-w-0 gap-1">
              <span className="flex items-center gap-2 font-medium">
                {deviceName(session.userAgent)}
                {session.isThisOne && <Badge variant="secondary">This one</Badge>}
              </span>
              <span className="text-muted-foreground truncate text-sm">
                Since {WHEN.format(new Date(session.beganAt))}
                {session.address === null ? "" : `, from ${session.address}`}
              </span>
            </div>
            {!session.isThisOne && (
              <Button
                variant="outline"
                aria-label={`Sign out ${deviceName(session.userAgent)}`}
                disabled={ending !== null}
                onClick={() => end(session.id)}
              >
                Sign out
              </Button>
            )}
          </li>
        ))}
      </ul>
    </>
  );
}

async function ask<Answer>(path: string, options: { method: "GET" | "POST"; body?: object }) {
  return authClient
    .$fetch<Answer, { code?: string }>(path, options)
    .catch(() => ({ data: null, error: { code: "unavailable", status: 503 } }));
}
