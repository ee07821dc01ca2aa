import { afterEach, describe, expect, test, vi } from "vitest";

import { getChatkitElement, readSettings } from "./settings";

afterEach(() => vi.unstubAllEnvs());

function withEnvironment(values: Record<string, string>) {
  for (const [name, value] of Object.entries(values)) vi.stubEnv(name, value);
}

const COMPLETE = { DATABASE_URL: "postgresql://x", BETTER_AUTH_SECRET: "s".repeat(32) };

function providers(...changes: object[]): string {
  return JSON.stringify(changes.map((change) => ({ id: "acme", issuer: "https://acme.test", client_id: "n", ...change })));
}

describe("readSettings", () => {
  test("the interfaces of a default stack are the defaults", () => {
    withEnvironment(COMPLETE);
    expect(readSettings()).toMatchObject({
      publicOrigin: "http://127.0.0.1:3000",
      databaseDirectUrl: "postgresql://x",
      authEdgeUrl: "http://127.0.0.1:8000",
      streamRelayUrl: "http://127.0.0.1:8001",
      jwtIssuer: "natter",
      jwtAudience: "natter",
    });
  });

  test("earlier secrets are read as a list, one to a comma or blank", () => {
    withEnvironment({ ...COMPLETE, BETTER_AUTH_SECRETS_PREVIOUS: " a, b c" });
    expect(readSettings().authSecretsPrevious).toEqual(["a", "b", "c"]);
  });

  test.each([
    [{ DATABASE_URL: "" }, "DATABASE_URL"],
    [{ BETTER_AUTH_SECRET: "short" }, "BETTER_AUTH_SECRET"],
    [{ AUTH_EDGE_URL: "not a url" }, "AUTH_EDGE_URL"],
    [{ NATTER_SIGN_UP: "closed" }, "NATTER_SIGN_UP"],
    [{ NATTER_SMTP_URL: "mail.example.org", NATTER_MAIL_FROM: "a@b" }, "NATTER_SMTP_URL"],
    [{ NATTER_SMTP_URL: "smtp://mail.example.org" }, "NATTER_MAIL_FROM"],
    [{ NATTER_EMAIL_CONFIRMATION: "required" }, "NATTER_SMTP_URL"],
    [{ NATTER_OIDC_PROVIDERS: "/no/such/file" }, "NATTER_OIDC_PROVIDERS"],
    [{ NATTER_OIDC_PROVIDERS: "[{]" }, "NATTER_OIDC_PROVIDERS"],
    [{ NATTER_OIDC_PROVIDERS: providers({ issuer: "http://elsewhere.test" }) }, "an issuer (https"],
    [{ NATTER_OIDC_PROVIDERS: providers({ id: "credential" }) }, "an id"],
    [{ NATTER_OIDC_PROVIDERS: providers({}, {}) }, "an id twice"],
    [{ NATTER_OIDC_PROVIDERS: providers({ trust_emails: true }) }, "trust_emails"],
  ])("%o is named in the error", (wrong, name) => {
    withEnvironment({ ...COMPLETE, ...wrong });
    expect(() => readSettings()).toThrow(name);
  });
});

describe("getChatkitElement", () => {
  test("ours by default, OpenAI's with its domain key", () => {
    expect(getChatkitElement()).toEqual({ source: "natter" });
    withEnvironment({ NEXT_PUBLIC_CHATKIT: "openai" });
    expect(() => getChatkitElement()).toThrow("NEXT_PUBLIC_CHATKIT_DOMAIN_KEY");
    withEnvironment({ NEXT_PUBLIC_CHATKIT_DOMAIN_KEY: "domain_pk_1" });
    expect(getChatkitElement()).toEqual({ source: "openai", domainKey: "domain_pk_1" });
  });
});
