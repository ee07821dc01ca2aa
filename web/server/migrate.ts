/** Brings Better Auth's tables up to date. Safe to run from several replicas at once. */
import { getMigrations } from "better-auth/db/migration";

import { createAuth } from "./auth-options";
import { AUTH_SCHEMA, openPool } from "./database";
import type { Settings } from "./settings";
import { renewSigningKeys } from "./signing-keys";

// Any number that nobody else uses for an advisory lock in this database.
const MIGRATION_LOCK = 7_421_836_001;

/** Creates what is missing, and returns the names of the tables that were created or extended. */
export async function migrate(settings: Settings): Promise<string[]> {
  const directSettings = { ...settings, databaseUrl: settings.databaseDirectUrl };
  const pool = openPool(directSettings.databaseUrl, 1);
  const connection = await pool.connect();
  try {
    await connection.query("select pg_advisory_lock($1)", [MIGRATION_LOCK]);
    // A role with rights on this schema alone may not create one, not even one that is there.
    const { rows } = await connection.query("select to_regnamespace($1) is null as missing", [AUTH_SCHEMA]);
    if (rows[0]?.missing) await connection.query(`create schema if not exists "${AUTH_SCHEMA}"`);
    const auth = createAuth(directSettings);
    // Missing tables are no errors here: they are about to be created.
    const { toBeCreated, toBeAdded, compileMigrations } = await getMigrations({ ...auth.options, logger: { disabled: true } });
    for (const statement of statementsOf(await compileMigrations())) await connection.query(statement);
    await renewSigningKeys(connection, settings);
    // Who signs first makes the key. Here nobody else does: two that want one at the same time would make two, and the
    // services, which have just read one, refuse for half a minute what the other has signed.
    await auth.api.signJWT({ body: { payload: { sub: "migrate" } } });
    return [...toBeCreated, ...toBeAdded].map(({ table }) => table);
  } finally {
    // Ending the connection frees the lock, too, also after an error.
    connection.release(true);
    await pool.end();
  }
}

/** Better Auth's own run of them begins with the schema, which is there, and which its role may not create. */
export function statementsOf(compiled: string): string[] {
  const statements = compiled.split(/;\s*\n|;\s*$/).map((statement) => statement.trim());
  return statements.filter((statement) => statement !== "" && !/^create schema /i.test(statement));
}
