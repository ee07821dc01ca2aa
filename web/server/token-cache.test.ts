import { beforeEach, describe, expect, test } from "vitest";

import { TokenCache, type IssuedToken } from "./token-cache";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const COOKIE = "session.signature";

/** A stand-in for Better Auth that counts its calls, with a clock that the test sets. */
class Source {
  nowMilliseconds = 0;
  issued = 0;
  looked = 0;
  session: string | null = COOKIE;

  issue = async (headers: Headers): Promise<IssuedToken | null> => {
    this.issued += 1;
    if (headers.get("cookie") !== this.session) return null;
    return { token: `jwt${this.issued}`, userId: "alice", expiresAtMilliseconds: this.nowMilliseconds + 15 * MINUTE };
  };

  isChanged = false;

  isSessionAlive = async (headers: Headers): Promise<boolean | "changed"> => {
    this.looked += 1;
    if (headers.get("cookie") !== this.session) return false;
    return this.isChanged ? "changed" : true;
  };
}

let source: Source;
let cache: TokenCache;
const ask = (cookie = COOKIE) => cache.tokenFor(cookie, new Headers({ cookie }));

beforeEach(() => {
  source = new Source();
  cache = new TokenCache(source, () => source.nowMilliseconds);
});

describe("TokenCache", () => {
  test("a token is made once, also for requests that come together", async () => {
    const [first, second] = await Promise.all([ask(), ask()]);
    expect(first?.token).toBe("jwt1");
    expect(second).toBe(first);
    expect((await ask())?.token).toBe("jwt1");
    expect(source).toMatchObject({ issued: 1, looked: 0 });
  });

  test("a session that ended elsewhere ends here within a second", async () => {
    await ask();
    source.session = null;
    source.nowMilliseconds = SECOND;
    expect(await ask()).toBeNull();
    source.nowMilliseconds += SECOND;
    expect(await ask()).toBeNull();
  });

  test("a session that goes on keeps its token, looked up once a second", async () => {
    await ask();
    source.nowMilliseconds = SECOND;
    expect((await ask())?.token).toBe("jwt1");
    expect((await ask())?.token).toBe("jwt1");
    expect(source).toMatchObject({ issued: 1, looked: 1 });
  });

  test("a token is renewed a minute before it expires", async () => {
    await ask();
    source.nowMilliseconds = 14 * MINUTE + 1;
    expect((await ask())?.token).toBe("jwt2");
  });

  test("a dropped session is asked for again at once", async () => {
    await ask();
    source.session = null;
    cache.drop("session");
    expect(await ask()).toBeNull();
  });

  test("a token that was refused is made anew for who has the whole cookie", async () => {
    await ask();
    cache.dropCookie("session.forged");
    expect((await ask())?.token).toBe("jwt1");
    cache.dropCookie(COOKIE);
    expect((await ask())?.token).toBe("jwt2");
  });

  test("a known session with a forged signature is a stranger", async () => {
    await ask();
    expect(await ask("session.forged")).toBeNull();
  });

  test("what failed is not remembered", async () => {
    const issue = source.issue;
    source.issue = async () => {
      throw new Error("no database");
    };
    await expect(ask()).rejects.toThrow("no database");
    source.issue = issue;
    expect((await ask())?.token).toBe("jwt1");
  });
});

test("a user who has become an operator, or is none any more, gets another token within a second", async () => {
  const before = await ask();
  source.isChanged = true;
  source.nowMilliseconds += 1_000;
  const after = await ask();
  expect(after?.token).not.toBe(before?.token);
});
