import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";

import { discover, userFrom } from "./oidc";
import type { OidcProvider } from "./settings";

/** The browser test has a provider that is right; this one can be wrong. */
let server: Server;
let issuer: string;
let answers: Record<string, unknown>;
let key: Awaited<ReturnType<typeof generateKeyPair>>;

beforeAll(async () => {
  key = await generateKeyPair("RS256");
  server = createServer((request, response) => {
    const answer = answers[request.url ?? ""];
    response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

const DISCOVERY = "/.well-known/openid-configuration";

beforeEach(async () => {
  answers = {
    [DISCOVERY]: {
      issuer,
      authorization_endpoint: `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      userinfo_endpoint: `${issuer}/me`,
      jwks_uri: `${issuer}/jwks`,
      id_token_signing_alg_values_supported: ["RS256", "HS256", "none"],
    },
    "/jwks": { keys: [{ ...(await exportJWK(key.publicKey)), kid: "1", alg: "RS256" }] },
    "/me": { sub: "ada", email: "ada@natter.test", email_verified: true, name: "Ada" },
  };
});

function configured(): OidcProvider {
  const none = { clientSecret: undefined, scopes: undefined, tokenEndpointAuth: undefined, signUp: undefined };
  return { id: "acme", name: "Acme", issuer, clientId: "natter", trustsEmail: false, ...none };
}

async function signed(claims: Record<string, unknown> = {}, signedBy = key) {
  const given = { iss: issuer, aud: "natter", sub: "ada", nonce: "n", exp: Date.now() / 1000 + 60, ...claims };
  return new SignJWT(given).setProtectedHeader({ alg: "RS256", kid: "1" }).sign(signedBy.privateKey);
}

const addressOf = async (accountId: string) => (accountId === "connected" ? "owner@natter.test" : undefined);

async function userOf(idToken: string | undefined, expectedIdTokenNonce: string | undefined = "n") {
  const provider = await discover(configured(), { signUp: "open" }, addressOf);
  return (await provider.getUserInfo({ idToken, accessToken: "a", expectedIdTokenNonce }))?.user;
}

test("a sign-in that was asked for is believed, and its address read where the provider keeps it", async () => {
  expect(await userOf(await signed())).toEqual({ email: "ada@natter.test", emailVerified: true, name: "Ada" });
});

test("who has connected the account elsewhere needs no address there", async () => {
  answers["/me"] = { sub: "connected", email: "owner@natter.test" };
  expect(await userOf(await signed({ sub: "connected" }))).toMatchObject({ email: "owner@natter.test", emailVerified: false });
  answers["/me"] = { sub: "stranger", email: "owner@natter.test" };
  expect(await userOf(await signed({ sub: "stranger" }))).toMatchObject({ email: undefined, emailVerified: false });
});

test.each([
  ["an ID token for another sign-in", async () => userOf(await signed({ nonce: "m" }))],
  ["one for a sign-in that has no nonce", async () => userOf(await signed({ nonce: undefined }))],
  ["one for another client", async () => userOf(await signed({ aud: "other" }))],
  ["one that was given to another client", async () => userOf(await signed({ azp: "other" }))],
  ["one of another issuer", async () => userOf(await signed({ iss: "https://other.test" }))],
  ["one that has expired", async () => userOf(await signed({ exp: 1 }))],
  ["one with a signature of somebody else", async () => userOf(await signed({}, await generateKeyPair("RS256")))],
  ["none at all", async () => userOf(undefined)],
  [
    "an address of somebody else",
    async () => {
      answers["/me"] = { sub: "eve", email: "eve@natter.test", email_verified: true };
      return userOf(await signed());
    },
  ],
])("not believed: %s", async (_what, user) => {
  expect(await user()).toBeUndefined();
});

test.each([
  ["calls itself otherwise", () => ({ ...(answers[DISCOVERY] as object), issuer: "https://other.test" })],
  ["leaves out its keys", () => ({ ...(answers[DISCOVERY] as object), jwks_uri: undefined })],
  ["does not answer", () => undefined],
])("a provider that %s is away", async (_what, answer) => {
  const log = vi.spyOn(console, "warn").mockReturnValue(undefined);
  answers[DISCOVERY] = answer();
  await expect(discover(configured(), { signUp: "open" }, addressOf)).rejects.toMatchObject({ body: { code: "PROVIDER_UNAVAILABLE" } });
  expect(log).toHaveBeenCalledOnce();
  log.mockRestore();
});

test("sign-up at a provider is as sign-up is, unless the provider's setting says otherwise", async () => {
  const isClosed = async (signUp: "open" | "invited", own: boolean | undefined) =>
    (await discover({ ...configured(), signUp: own }, { signUp }, addressOf)).options?.disableSignUp;
  expect(await isClosed("open", undefined)).toBe(false);
  expect(await isClosed("invited", undefined)).toBe(true);
  expect(await isClosed("invited", true)).toBe(false);
});

test("an address counts where it is vouched for, by the provider or by the operator", () => {
  const profile = { sub: "1", email: "ada@natter.test", picture: "javascript:1", preferred_username: "ada\u202e" };
  expect(userFrom({ trustsEmail: false }, profile)).toEqual({ email: undefined, emailVerified: false, name: "ada" });
  expect(userFrom({ trustsEmail: true }, profile)).toEqual({ email: profile.email, emailVerified: true, name: "ada" });
  expect(userFrom({ trustsEmail: false }, { ...profile, email_verified: true }).email).toBe(profile.email);
});
