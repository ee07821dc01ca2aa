import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, expect, test } from "vitest";

import { revokeTokens } from "./token-revocation";

let server: Server;
let settings: { authEdgeUrl: string };
let seen: string[];
let answer: (response: ServerResponse) => void;

beforeEach(async () => {
  seen = [];
  server = createServer((request: IncomingMessage, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  settings = { authEdgeUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
});

afterEach(() => new Promise((resolve) => server.close(resolve)));

test("it returns when tokens that are made from now on hold", async () => {
  const validFrom = Date.now() + 300;
  answer = (response) => response.end(JSON.stringify({ valid_from: new Date(validFrom).toISOString() }));
  await revokeTokens(settings, "a/b", "jwt");
  expect(Date.now()).toBeGreaterThanOrEqual(validFrom - 2);
  expect(seen).toEqual(["DELETE /api/a%2Fb/tokens Bearer jwt"]);
});

test("it asks again, and says so when nobody confirms", async () => {
  answer = (response) => response.writeHead(503).end("{}");
  await expect(revokeTokens(settings, "alice", "jwt")).rejects.toMatchObject({ body: { code: "REVOCATION_FAILED" } });
  expect(seen).toHaveLength(3);
});

test("an earlier attempt whose answer was lost counts", async () => {
  answer = (response) =>
    seen.length === 1 ? response.destroy() : response.writeHead(401).end('{"reason": "token_revoked"}');
  await revokeTokens(settings, "alice", "jwt");
  expect(seen).toHaveLength(2);
});
