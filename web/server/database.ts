/** The connection to Postgres for Better Auth's tables, which live in a schema of their own. */
import { Kysely, PostgresDialect } from "kysely";
import { Pool } from "pg";

import type { Settings } from "./settings";

export const AUTH_SCHEMA = "auth";

const CONNECTIONS_MAX = 5;
// A suspended Neon compute takes some seconds to wake.
const CONNECT_TIMEOUT_MILLISECONDS = 15_000;
const IDLE_TIMEOUT_MILLISECONDS = 30_000;

export function openPool(databaseUrl: string, connections = CONNECTIONS_MAX): Pool {
  const pool = new Pool({
    connectionString: databaseUrl,
    max: connections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MILLISECONDS,
    idleTimeoutMillis: IDLE_TIMEOUT_MILLISECONDS,
    allowExitOnIdle: true,
  });
  // Without a listener, a connection that the server closes while idle ends the process.
  pool.on("error", (error) => console.error(JSON.stringify({ event: "database.connection_lost", error: error.message })));
  return pool;
}

/**
 * What Better Auth calls its database. Tables are named with their schema in every statement, because a
 * pooled connection (PgBouncer, Neon) accepts no `search_path` at its start.
 */
export function betterAuthDatabase(settings: Settings) {
  const dialect = new PostgresDialect({ pool: openPool(settings.databaseUrl) });
  return { db: new Kysely<unknown>({ dialect }), type: "postgres" as const, schemaName: AUTH_SCHEMA };
}
