/** Whose the ids in an operator's reports are: the accounts are the web app's, and the store knows none of them. */
import { sql, type Kysely, type RawBuilder } from "kysely";

import { AUTH_SCHEMA } from "./database";

export type Account = Readonly<{ user_id: string; name: string; email: string }>;
export type Page = Readonly<{ found: readonly Account[]; after: string | null }>;

/** `sessions` are those that are alive; `last_session_at`, when one of them was last seen to be used. */
export type AccountState = Account &
  Readonly<{
    role: string | null;
    is_email_confirmed: boolean;
    created_at: Date;
    sessions: number;
    last_session_at: Date | null;
  }>;

export const FOUND_MAX = 50;

const USERS = sql.table(`${AUTH_SCHEMA}.user`);
const SESSIONS = sql.table(`${AUTH_SCHEMA}.session`);

/** Accounts whose name or e-mail address holds these words, or whose id they are, in the order of their addresses. */
export async function findAccounts(db: Kysely<unknown>, words: string, after: string | null): Promise<Page> {
  const sought = words.toLowerCase();
  const holds = (column: RawBuilder<unknown>) => sql`position(${sought} in lower(${column})) > 0`;
  const { rows } = await sql<Account>`
    select id as user_id, name, email from ${USERS}
    where (${holds(sql.ref("name"))} or ${holds(sql.ref("email"))} or id = ${words}) and email > ${after ?? ""}
    order by email limit ${FOUND_MAX + 1}`.execute(db);
  const found = rows.slice(0, FOUND_MAX);
  return { found, after: rows.length > FOUND_MAX ? (found.at(-1)?.email ?? null) : null };
}

export async function accountsOf(db: Kysely<unknown>, userIds: readonly string[]): Promise<Map<string, Account>> {
  if (userIds.length === 0) return new Map();
  const { rows } = await sql<Account>`
    select id as user_id, name, email from ${USERS} where id = any(${[...userIds]}::text[])`.execute(db);
  return new Map(rows.map((account) => [account.user_id, account]));
}

/** Null for a user who has no account here: one whose tokens come from elsewhere. */
export async function accountState(db: Kysely<unknown>, userId: string): Promise<AccountState | null> {
  const { rows } = await sql<AccountState>`
    select u.id as user_id, u.name, u.email, u.role, u."emailVerified" as is_email_confirmed, u."createdAt" as created_at,
           count(s.id)::int as sessions, max(s."updatedAt") as last_session_at
    from ${USERS} u left join ${SESSIONS} s on s."userId" = u.id and s."expiresAt" > now()
    where u.id = ${userId} group by u.id`.execute(db);
  return rows[0] ?? null;
}
