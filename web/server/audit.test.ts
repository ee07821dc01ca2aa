import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { noteAudit } from "./audit";

let server: Server;
let edge: { authEdgeUrl: string; webAuditSecret: string | undefined };
let seen: string[];
let statuses: number[];

beforeEach(async () => {
  seen = [];
  statuses = [];
  server = createServer(async (request: IncomingMessage, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization} ${await text(request)}`);
    response.writeHead(statuses.shift() ?? 204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  edge = { authEdgeUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, webAuditSecret: "secret" };
});

afterEach(() => new Promise((resolve) => server.close(resolve)));

const told = 'POST /internal/audit Bearer secret {"action":"sign_in","user_id":"alice"}';

test("the edge is told until it has noted it", async () => {
  statuses = [503, 503];
  await noteAudit(edge, { action: "sign_in", user_id: "alice" }, [1, 1, 1]);
  expect(seen).toEqual([told, told, told]);
});

test("what is given up is in the log, without whose it was", async () => {
  const log = vi.spyOn(console, "error").mockReturnValue(undefined);
  await noteAudit({ ...edge, authEdgeUrl: "http://127.0.0.1:1" }, { action: "sign_in", user_id: "alice" }, [1]);
  expect(log.mock.calls).toEqual([['{"event":"audit.lost","action":"sign_in"}']]);
  log.mockRestore();
});

test("without a secret nobody is told", async () => {
  await noteAudit({ ...edge, webAuditSecret: undefined }, { action: "sign_in" }, []);
  expect(seen).toEqual([]);
});
