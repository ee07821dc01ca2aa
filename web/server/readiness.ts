/** Whether the web app can sign people in: its tables are migrated, and its keys can sign tokens for the services. */
import { getAuth } from "./auth";
import { migrate } from "./migrate";
import { getSettings, SettingsError } from "./settings";
import { renewSigningKeysNow } from "./signing-keys";
import { isStopping } from "./stopping";

type Readiness = { isMigrated: boolean; signsUntilMilliseconds: number };

const shared = globalThis as typeof globalThis & { natterReadiness?: Readiness };
const readiness: Readiness = (shared.natterReadiness ??= { isMigrated: false, signsUntilMilliseconds: 0 });

const SIGNING_CHECK_MILLISECONDS = 10_000;
const RETRY_MILLISECONDS_FIRST = 500;
const RETRY_MILLISECONDS_MAX = 10_000;

/** Before that nobody may ask Better Auth anything: it would make a signing key beside the one that `migrate` makes. */
export function isMigrated(): boolean {
  return readiness.isMigrated;
}

/** 200 once people can sign in and chat, 503 until then. */
export async function readinessResponse(): Promise<Response> {
  if (isStopping()) return Response.json({ status: "stopping" }, { status: 503 });
  if (!readiness.isMigrated) return Response.json({ status: "starting" }, { status: 503 });
  if (!(await canSignTokens())) return Response.json({ status: "signing_keys" }, { status: 503 });
  return Response.json({ status: "ok" });
}

/**
 * A replica that still has another secret may have made a key that this one cannot read: then the keys are renewed.
 * False only if that does not help. A missing database does not count: without it, pages say what is wrong.
 */
async function canSignTokens(): Promise<boolean> {
  const now = Date.now();
  if (now < readiness.signsUntilMilliseconds) return true;
  try {
    await sign();
  } catch (error) {
    if (!isUnreadableKey(error)) return true;
    console.error(JSON.stringify({ event: "signing_keys.unreadable", error: String(error) }));
    try {
      await renewSigningKeysNow(getSettings());
      await sign();
    } catch {
      return false;
    }
  }
  readiness.signsUntilMilliseconds = now + SIGNING_CHECK_MILLISECONDS;
  return true;
}

async function sign(): Promise<void> {
  await getAuth().api.signJWT({ body: { payload: { sub: "readyz" } } });
}

/** Better Auth has no error code for this, only these words; a test fails when they change. */
export function isUnreadableKey(error: unknown): boolean {
  return error instanceof Error && error.message.includes("Failed to decrypt private key");
}

/** Migrates, trying again for as long as the database is away. A missing setting ends the process with its name. */
export async function migrateUntilDone(): Promise<void> {
  let delayMilliseconds = RETRY_MILLISECONDS_FIRST;
  while (!readiness.isMigrated) {
    try {
      const tables = await migrate(getSettings());
      readiness.isMigrated = true;
      console.log(JSON.stringify({ event: "database.migrated", tables }));
    } catch (error) {
      if (error instanceof SettingsError) {
        console.error(error.message);
        process.exit(1);
      }
      console.error(JSON.stringify({ event: "database.migration_failed", error: String(error) }));
      await new Promise((resolve) => setTimeout(resolve, delayMilliseconds));
      delayMilliseconds = Math.min(delayMilliseconds * 2, RETRY_MILLISECONDS_MAX);
    }
  }
}
