/**
 * Turns a session cookie into a JWT for the services, and remembers it until shortly before it expires.
 *
 * A remembered token still ends with its session: the session is looked up again at most one second after
 * the last look, so that a sign-out on any replica counts here too.
 */

export type IssuedToken = Readonly<{
  token: string;
  userId: string;
  expiresAtMilliseconds: number;
  isOperator?: boolean;
}>;

/** What the cache asks of Better Auth. `issue` gives null where there is no session; "changed": it wants a new token. */
export type TokenSource = Readonly<{
  issue: (headers: Headers) => Promise<IssuedToken | null>;
  isSessionAlive: (headers: Headers, issued: IssuedToken) => Promise<boolean | "changed">;
}>;

type Entry = { cookie: string; issued: IssuedToken; checkedAtMilliseconds: number };

const RENEW_BEFORE_EXPIRY_MILLISECONDS = 60_000;
const RECHECK_AFTER_MILLISECONDS = 900;
const ENTRIES_MAX = 10_000;

export class TokenCache {
  private readonly entries = new Map<string, Entry>();
  private readonly pending = new Map<string, Promise<IssuedToken | null>>();

  constructor(
    private readonly source: TokenSource,
    private readonly now: () => number = Date.now,
  ) {}

  /** The token of the session that `cookie` (the whole signed cookie value) stands for, or null. */
  async tokenFor(cookie: string, headers: Headers): Promise<IssuedToken | null> {
    const entry = this.entries.get(sessionTokenOf(cookie));
    // The whole value is the key: a known session token with a forged signature must not be found.
    if (entry?.cookie === cookie && this.isFresh(entry)) return entry.issued;
    const known = this.pending.get(cookie);
    if (known) return known;
    const lookup = this.lookUp(cookie, headers, entry?.cookie === cookie ? entry : undefined);
    this.pending.set(cookie, lookup);
    return lookup.finally(() => this.pending.delete(cookie));
  }

  drop(sessionToken: string): void {
    this.entries.delete(sessionToken);
  }

  /** For the whole cookie value: nobody but who has the session makes its token be made anew. */
  dropCookie(cookie: string): void {
    const sessionToken = sessionTokenOf(cookie);
    if (this.entries.get(sessionToken)?.cookie === cookie) this.entries.delete(sessionToken);
  }

  private isFresh(entry: Entry): boolean {
    const age = this.now() - entry.checkedAtMilliseconds;
    return age < RECHECK_AFTER_MILLISECONDS && !this.isExpiring(entry);
  }

  private isExpiring(entry: Entry): boolean {
    return entry.issued.expiresAtMilliseconds - this.now() < RENEW_BEFORE_EXPIRY_MILLISECONDS;
  }

  private async lookUp(cookie: string, headers: Headers, entry: Entry | undefined): Promise<IssuedToken | null> {
    const sessionToken = sessionTokenOf(cookie);
    if (entry && !this.isExpiring(entry)) {
      const state = await this.source.isSessionAlive(headers, entry.issued);
      if (state === true) {
        entry.checkedAtMilliseconds = this.now();
        return entry.issued;
      }
      this.entries.delete(sessionToken);
      if (state === false) return null;
    }
    const issued = await this.source.issue(headers);
    this.entries.delete(sessionToken);
    if (issued) this.remember(sessionToken, { cookie, issued, checkedAtMilliseconds: this.now() });
    return issued;
  }

  private remember(sessionToken: string, entry: Entry): void {
    const oldest = this.entries.keys().next();
    if (this.entries.size >= ENTRIES_MAX && !oldest.done) this.entries.delete(oldest.value);
    this.entries.set(sessionToken, entry);
  }
}

/** Better Auth's cookie is `<session token>.<signature>`. */
function sessionTokenOf(cookie: string): string {
  const dot = cookie.lastIndexOf(".");
  return dot === -1 ? cookie : cookie.slice(0, dot);
}

const shared = globalThis as typeof globalThis & { natterTokenCache?: TokenCache };

/** One cache for proxy.ts and the routes, which are separate bundles of one process. */
export function sharedTokenCache(create: () => TokenCache): TokenCache {
  shared.natterTokenCache ??= create();
  return shared.natterTokenCache;
}

export function dropToken(sessionToken: string): void {
  shared.natterTokenCache?.drop(sessionToken);
}
