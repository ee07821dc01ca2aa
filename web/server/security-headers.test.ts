import { expect, test } from "vitest";

import { contentSecurityPolicy, securityHeaders } from "./security-headers";

test("scripts need the nonce, and nothing is loaded from elsewhere", () => {
  const policy = contentSecurityPolicy("n0nce", { source: "natter" }, undefined, false);
  expect(policy).toContain("script-src 'self' 'nonce-n0nce';");
  expect(policy).not.toMatch(/https?:|unsafe-eval/);
  expect(policy).toContain("frame-src 'none'");
});

test("OpenAI's element is allowed from its own host, where it is configured", () => {
  const policy = contentSecurityPolicy("n0nce", { source: "openai", domainKey: "k" }, undefined, false);
  expect(policy).toContain("script-src 'self' 'nonce-n0nce' https://cdn.platform.openai.com");
  expect(policy).toContain("frame-src https://cdn.platform.openai.com");
});

test("files are sent to and shown from their own store alone, where browsers reach it", () => {
  const policy = contentSecurityPolicy("n0nce", { source: "natter" }, "https://files.example.org", false);
  expect(policy).toContain("img-src 'self' data: blob: https://files.example.org;");
  expect(policy).toContain("connect-src 'self' https://files.example.org;");
  expect(policy.match(/https:/g)).toHaveLength(2);
});

test("a page may ask for the microphone, and for nothing else of the machine", () => {
  expect(securityHeaders(true)["permissions-policy"]).toBe("camera=(), geolocation=(), microphone=(self), browsing-topics=()");
});
