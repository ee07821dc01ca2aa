/** What Better Auth leaves to us about accounts: what a profile may hold, and how often a password may be guessed. */
import { createHash } from "node:crypto";

import { APIError, getSessionFromCtx } from "better-auth/api";
import { sql, type Kysely } from "kysely";

import { AUTH_SCHEMA } from "./database";

export const NAME_CHARACTERS_MAX = 100;
export const IMAGE_CHARACTERS_MAX = 2_000;
export const EMAIL_CHARACTERS_MAX = 254;

export const SIGN_IN_PATH = "/sign-in/email";
export const SIGN_UP_PATH = "/sign-up/email";
export const SIGN_UP_STEP_MILLISECONDS = 500;

/** Wrong passwords for one account in a window, from wherever they come: many addresses help nobody to guess. */
export const GUESSES_MAX = 40;
export const GUESSES_WINDOW_MILLISECONDS = 60 * 60 * 1000;

/** E-mails to one address in a window, of all kinds. */
export const MAILS_MAX = 6;
export const MAILS_WINDOW_MILLISECONDS = 60 * 60 * 1000;

/** Who changes the ways into an account has signed in lately: a session that was found open is not enough. */
const FRESH_MILLISECONDS = 24 * 60 * 60 * 1000;

export async function requireFresh(ctx: Parameters<typeof getSessionFromCtx>[0]): Promise<void> {
  const session = await getSessionFromCtx(ctx);
  if (session !== null && Date.now() - +session.session.createdAt < FRESH_MILLISECONDS) return;
  throw new APIError("FORBIDDEN", { code: "SESSION_NOT_FRESH", message: "Sign in again to do this." });
}

type Profile = Readonly<{ name?: unknown; email?: unknown; image?: unknown }>;

/** A name goes into every token, a picture's address into pages. Raises `APIError` 400 with the code of what is wrong. */
export function checkProfile({ name, email, image }: Profile): void {
  if (!isName(name)) throw refused("INVALID_NAME", `A name has at most ${NAME_CHARACTERS_MAX} characters, in one line.`);
  if (typeof email === "string" && email.length > EMAIL_CHARACTERS_MAX) {
    throw refused("INVALID_EMAIL", `An e-mail address has at most ${EMAIL_CHARACTERS_MAX} characters.`);
  }
  if (image !== undefined && image !== null && image !== "" && !isPicture(image)) {
    throw refused("INVALID_IMAGE", `A picture is an https address of at most ${IMAGE_CHARACTERS_MAX} characters.`);
  }
}

/** Whether it can be one; none is one as well. */
export function isName(name: unknown): boolean {
  return name === undefined || (typeof name === "string" && name.length <= NAME_CHARACTERS_MAX && !hasControls(name));
}

export function isPicture(image: unknown): boolean {
  if (typeof image !== "string" || image.length > IMAGE_CHARACTERS_MAX || !URL.canParse(image)) return false;
  const { protocol, username, password } = new URL(image);
  return protocol === "https:" && username === "" && password === "";
}

/** The first of these that can be a name, made to fit: what comes from elsewhere is not the person's to correct there. */
export function nameFrom(...candidates: readonly unknown[]): string {
  for (const candidate of candidates) {
    if (typeof candidate !== "string") continue;
    const fitting = candidate.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, " ").trim();
    if (fitting !== "") return [...fitting].slice(0, NAME_CHARACTERS_MAX / 2).join("");
  }
  return "";
}

function hasControls(text: string): boolean {
  return /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(text);
}

function refused(code: string, message: string): APIError {
  return new APIError("BAD_REQUEST", { code, message });
}

/** The row in Better Auth's table of limits; the address itself is not written there. */
export function guessesKey(email: string): string {
  return `account|${hashOf(email)}`;
}

function hashOf(email: string): string {
  return createHash("sha256").update(email.toLowerCase()).digest("hex");
}

/**
 * Counts an attempt to sign in before it is made, so that attempts at once cannot outrun the count. Raises `APIError`
 * 429 beyond `GUESSES_MAX`, also for the right password.
 */
export async function countGuess(db: Kysely<unknown>, email: string, now = Date.now()): Promise<void> {
  const { count, ends } = await countOne(db, guessesKey(email), GUESSES_WINDOW_MILLISECONDS, now);
  if (count <= GUESSES_MAX) return;
  const seconds = Math.max(1, Math.ceil((ends - now) / 1000));
  throw new APIError(
    "TOO_MANY_REQUESTS",
    { code: "TOO_MANY_GUESSES", message: "Too many wrong passwords for this account. Try again later." },
    { "retry-after": String(seconds) },
  );
}

/** Whether one more e-mail may go to this address now: nobody fills another's mailbox through us. */
export async function mayBeMailed(db: Kysely<unknown>, email: string, now = Date.now()): Promise<boolean> {
  const { count } = await countOne(db, `mail|${hashOf(email)}`, MAILS_WINDOW_MILLISECONDS, now);
  return count <= MAILS_MAX;
}

/**
 * `lastRequest` holds the window's end here: Better Auth removes rows by it, and must not remove one that still counts.
 */
async function countOne(db: Kysely<unknown>, key: string, windowMilliseconds: number, now: number) {
  const table = sql.table(`${AUTH_SCHEMA}.rateLimit`);
  const { rows } = await sql<{ count: number; ends: string }>`
    insert into ${table} as r (id, key, count, "lastRequest") values (${key}, ${key}, 1, ${now + windowMilliseconds})
    on conflict (key) do update set
      count = case when r."lastRequest" <= ${now} then 1 else least(r.count, 1000000) + 1 end,
      "lastRequest" = case when r."lastRequest" <= ${now} then excluded."lastRequest" else r."lastRequest" end
    returning count, "lastRequest" as ends`.execute(db);
  const [row] = rows;
  return { count: row?.count ?? 0, ends: Number(row?.ends ?? now) };
}

/** Whoever knew the password was not guessing: neither for this account, nor from this address. */
export async function forgetGuesses(db: Kysely<unknown>, email: string, address: string | null): Promise<void> {
  const table = sql.table(`${AUTH_SCHEMA}.rateLimit`);
  await sql`delete from ${table} where key = ${guessesKey(email)}`.execute(db);
  if (address === null) return;
  await sql`update ${table} set count = greatest(count - 1, 0) where key = ${`${address}|${SIGN_IN_PATH}`}`.execute(db);
}

/**
 * To make an account takes some statements longer than to see that there is one. So both are answered at a multiple of
 * `SIGN_UP_STEP_MILLISECONDS` after the question came, which is longer than either takes.
 */
export async function waitForStep(startedAt: number): Promise<void> {
  const past = (performance.now() - startedAt) % SIGN_UP_STEP_MILLISECONDS;
  await new Promise((resolve) => setTimeout(resolve, SIGN_UP_STEP_MILLISECONDS - past));
}
