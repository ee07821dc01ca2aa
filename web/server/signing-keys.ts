/**
 * The keys that sign access tokens are encrypted in the database with BETTER_AUTH_SECRET. Here they stay readable when
 * that changes: a key that an earlier secret has encrypted is encrypted with today's, and one that no known secret can
 * decrypt is removed, so that Better Auth makes another. Otherwise people would be signed in and unable to chat.
 */
import { createHash } from "node:crypto";

import { parseEnvelope, symmetricDecrypt, symmetricEncrypt } from "better-auth/crypto";
import type { PoolClient } from "pg";

import { AUTH_SCHEMA, openPool } from "./database";
import type { Settings } from "./settings";

const KEYS = `"${AUTH_SCHEMA}"."jwks"`;

/** How many keys were encrypted again, and how many removed. */
export type Renewed = Readonly<{ renewed: number; removed: number }>;

type VersionedSecret = { version: number; value: string };

/** Better Auth's `secrets`, today's first. A secret's version depends on the secret alone, so all replicas agree on it. */
export function versionedSecrets(settings: Settings): [VersionedSecret, ...VersionedSecret[]] {
  const previous = new Set(settings.authSecretsPrevious);
  previous.delete(settings.authSecret);
  return [versioned(settings.authSecret), ...[...previous].map(versioned)];
}

function versioned(value: string): VersionedSecret {
  const digest = createHash("sha256").update("natter secret version").update(value).digest();
  return { version: digest.readUInt32BE(0), value };
}

/** Makes every key readable with today's secret, in a transaction of `connection`'s own. */
export async function renewSigningKeys(connection: PoolClient, settings: Settings): Promise<Renewed> {
  const secrets = versionedSecrets(settings);
  const count = { renewed: 0, removed: 0 };
  await connection.query("begin");
  try {
    const { rows } = await connection.query<{ id: string; privateKey: string }>(
      `select "id", "privateKey" from ${KEYS} for update`,
    );
    for (const { id, privateKey } of rows) {
      const stored = JSON.parse(privateKey) as string;
      const opened = await open(stored, secrets);
      if (opened === null) {
        await connection.query(`delete from ${KEYS} where "id" = $1`, [id]);
        count.removed += 1;
      } else if (opened.version !== secrets[0].version || parseEnvelope(stored) === null) {
        await connection.query(`update ${KEYS} set "privateKey" = $2 where "id" = $1`, [
          id,
          JSON.stringify(await seal(opened.text, secrets[0])),
        ]);
        count.renewed += 1;
      }
    }
    await connection.query("commit");
  } catch (error) {
    await connection.query("rollback");
    throw error;
  }
  if (count.renewed + count.removed > 0) console.log(JSON.stringify({ event: "signing_keys.renewed", ...count }));
  return count;
}

/** The same on a connection of its own, for use after the start. */
export async function renewSigningKeysNow(settings: Settings): Promise<Renewed> {
  const pool = openPool(settings.databaseUrl, 1);
  try {
    const connection = await pool.connect();
    try {
      return await renewSigningKeys(connection, settings);
    } finally {
      connection.release();
    }
  } finally {
    await pool.end();
  }
}

async function open(stored: string, secrets: readonly VersionedSecret[]) {
  const data = parseEnvelope(stored)?.ciphertext ?? stored;
  for (const { version, value } of secrets) {
    try {
      return { version, text: await symmetricDecrypt({ key: value, data }) };
    } catch {
      continue; // encrypted with another secret: decrypting with a wrong one fails
    }
  }
  return null;
}

async function seal(text: string, { version, value }: VersionedSecret): Promise<string> {
  return symmetricEncrypt({ key: { keys: new Map([[version, value]]), currentVersion: version }, data: text });
}
