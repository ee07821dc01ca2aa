/** Whether the web app can sign people in: its tables are migrated and the database answers. */
import { migrate } from "./migrate";
import { getSettings, SettingsError } from "./settings";

type Readiness = { isMigrated: boolean };

const shared = globalThis as typeof globalThis & { natterReadiness?: Readiness };
const readiness: Readiness = (shared.natterReadiness ??= { isMigrated: false });

const RETRY_MILLISECONDS_FIRST = 500;
const RETRY_MILLISECONDS_MAX = 10_000;

/** 200 once people can sign in, 503 until then. */
export function readinessResponse(): Response {
  const { isMigrated } = readiness;
  return Response.json({ status: isMigrated ? "ok" : "starting" }, { status: isMigrated ? 200 : 503 });
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
