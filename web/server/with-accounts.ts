/** Puts the names of accounts into the rows of a report: pure, so that it can be tried without a server. */
import type { Account } from "./operator-accounts";

export type Row = Readonly<Record<string, unknown>>;
export type Body = Row & Readonly<{ data?: readonly Row[]; after?: string | null }>;

/** The users that a report speaks of. */
export function namesOf(body: Body): string[] {
  const rows = body.data ?? [body];
  return [...new Set(rows.map(userOf).filter((user) => user !== null))];
}

/** The same report, with `name` and `email` in each row whose user has an account. */
export function withAccounts(body: Body, accounts: ReadonlyMap<string, Account>): Body {
  function named(row: Row): Row {
    const account = accounts.get(userOf(row) ?? "");
    return account === undefined ? row : { ...row, name: account.name, email: account.email };
  }
  return body.data === undefined ? named(body) : { ...body, data: body.data.map(named) };
}

/** A row of usage says `user`, every other one `user_id`. */
function userOf(row: Row): string | null {
  const user = row.user_id ?? row.user;
  return typeof user === "string" ? user : null;
}
