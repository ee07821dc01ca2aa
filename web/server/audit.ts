/** Notes sign-ins and the like in the operators' stream AUDIT, through auth_edge: the web app has no NATS of its own. */
import { sql, type Kysely } from "kysely";

import { guessesKey } from "./accounts";
import { AUTH_SCHEMA } from "./database";
import type { Settings } from "./settings";

type Edge = Pick<Settings, "authEdgeUrl" | "webAuditSecret">;

export type Noted = Readonly<{
  action:
    | "account_deleted"
    | "account_linked"
    | "account_unlinked"
    | "email_changed"
    | "email_confirmed"
    | "passkey_added"
    | "passkey_deleted"
    | "password_changed"
    | "password_reset"
    | "session_ended"
    | "sign_in"
    | "sign_in_failed"
    | "sign_out"
    | "sign_out_everywhere"
    | "sign_up";
  user_id?: string | undefined;
  attempts?: number | undefined;
}>;

const NOTE_TIMEOUT_MILLISECONDS = 5_000;
/** Some minutes in all: as long as an edge may be away without anything being lost. */
const PAUSES_MILLISECONDS: readonly number[] = [200, 1_000, 5_000, 20_000, 60_000, 120_000];
/** Those that wait for an edge to come back; more are told in the log alone. */
const WAITING_MAX = 1_000;
let waiting = 0;

/** Nobody waits for it: a person signs in also where it cannot be noted. What is given up is in the log. */
export async function noteAudit(edge: Edge, noted: Noted, pauses = PAUSES_MILLISECONDS): Promise<void> {
  if (edge.webAuditSecret === undefined) return;
  const isFull = waiting >= WAITING_MAX;
  waiting += 1;
  try {
    for (const pause of isFull ? [0] : [...pauses, 0]) {
      if (await isNoted(edge, noted)) return;
      await new Promise((resolve) => setTimeout(resolve, pause).unref());
    }
  } finally {
    waiting -= 1;
  }
  console.error(JSON.stringify({ event: "audit.lost", action: noted.action }));
}

async function isNoted({ authEdgeUrl, webAuditSecret }: Edge, noted: Noted): Promise<boolean> {
  try {
    const response = await fetch(`${authEdgeUrl}/internal/audit`, {
      method: "POST",
      headers: { authorization: `Bearer ${webAuditSecret}`, "content-type": "application/json" },
      body: JSON.stringify(noted),
      signal: AbortSignal.timeout(NOTE_TIMEOUT_MILLISECONDS),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Whose account it was, if it is anybody's, and the how manieth attempt in this hour. The address is not told on. */
export async function failedSignIn(db: Kysely<unknown>, email: string): Promise<Noted> {
  const { rows } = await sql<{ user_id: string | null; attempts: number | null }>`
    select (select id from ${sql.table(`${AUTH_SCHEMA}.user`)} where email = ${email.toLowerCase()}) as user_id,
           (select count from ${sql.table(`${AUTH_SCHEMA}.rateLimit`)} where key = ${guessesKey(email)}) as attempts`.execute(db);
  const found = rows[0];
  return { action: "sign_in_failed", user_id: found?.user_id ?? undefined, attempts: found?.attempts ?? undefined };
}
