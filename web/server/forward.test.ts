import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { forward, forwardFile } from "./forward";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let serviceUrl: string;
let handler: Handler;
let seen: IncomingMessage | undefined;

beforeEach(async () => {
  seen = undefined;
  server = createServer((request, response) => {
    seen = request;
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  serviceUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  if (server.listening) await new Promise((resolve) => server.close(resolve));
});

const ask = (path: string, init?: RequestInit) => new Request(`https://natter.test${path}`, init);

describe("forward", () => {
  test("a service gets the token and no cookie, and the path as it was written", async () => {
    handler = (_request, response) => response.end("{}");
    const told = { "natter-assistant": "support", "natter-time-zone": "Europe/Zurich", "accept-language": "de-CH" };
    const headers = { cookie: "better-auth.session_token=s", "x-forwarded-for": "1.2.3.4", "idempotency-key": "k", ...told };
    await forward(ask("/api/a%2Fb/tasks?q=a%20b", { headers }), serviceUrl, "Bearer jwt");
    expect(seen?.url).toMatch(/^\/api\/a%2Fb\/tasks\?q=a(%20|\+)b$/);
    expect(seen?.headers).toMatchObject({ authorization: "Bearer jwt", "idempotency-key": "k", ...told });
    expect(seen?.headers.cookie).toBeUndefined();
    expect(seen?.headers["x-forwarded-for"]).toBeUndefined();
  });

  test("what a service tells of itself stays behind", async () => {
    handler = (_request, response) => {
      const told = { server: "uvicorn", "set-cookie": "a=b", "x-middleware-rewrite": serviceUrl, "x-request-id": "r1" };
      response.writeHead(200, { ...told, "content-type": "application/json" }).end("{}");
    };
    const response = await forward(ask("/api/a/tasks"), serviceUrl, "Bearer jwt");
    expect(Object.fromEntries(response.headers)).toMatchObject({ "x-request-id": "r1", "cache-control": "no-store" });
    for (const name of ["server", "set-cookie", "x-middleware-rewrite"]) expect(response.headers.has(name)).toBe(false);
    expect(JSON.stringify([...response.headers])).not.toContain(serviceUrl);
  });

  test.each(["/api/a/runs/r1/stream?format=chatkit", "http://10.0.0.7:8001/api/a/runs/r1/stream?format=chatkit"])(
    "a redirect to %s keeps to this origin and is left to the browser",
    async (location) => {
      handler = (_request, response) => response.writeHead(303, { location }).end();
      const response = await forward(ask("/api/a/chatkit", { method: "POST", body: "{}" }), serviceUrl, "Bearer jwt");
      expect(response.status).toBe(303);
      expect(response.headers.get("location")).toBe("https://natter.test/api/a/runs/r1/stream?format=chatkit");
    },
  );

  test("a stream comes as it is written, and ends upstream when its reader leaves", async () => {
    let closed = () => {};
    const isClosed = new Promise<void>((resolve) => (closed = resolve));
    handler = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache, no-transform" });
      response.write("data: 1\n\n");
      response.on("close", closed);
    };
    const response = await forward(ask("/api/a/stream"), serviceUrl, "Bearer jwt");
    expect(response.headers.get("cache-control")).toBe("no-cache, no-transform");
    const reader = response.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("data: 1\n\n");
    await reader.cancel();
    await isClosed;
  });

  test("a file streams through with the length that it was announced with", async () => {
    handler = (request, response) => void request.resume().on("end", () => response.end("{}"));
    const pieces = [new Uint8Array(100_000), new Uint8Array(50_000)];
    const body = new ReadableStream<Uint8Array>({ pull: (to) => (pieces.length > 0 ? to.enqueue(pieces.pop()!) : to.close()) });
    const headers = { "content-length": "150000", "content-type": "multipart/form-data; boundary=b" };
    const request = ask("/api/a/attachments", { method: "POST", body, headers, duplex: "half" } as RequestInit);
    expect((await forwardFile(request, serviceUrl, "Bearer jwt")).status).toBe(200);
    expect(seen?.headers).toMatchObject({ "content-length": "150000" });
    expect(seen?.headers["transfer-encoding"]).toBeUndefined();
  });

  test("a service that is away gives a 503 with a code", async () => {
    await new Promise((resolve) => server.close(resolve));
    const response = await forward(ask("/api/a/tasks"), serviceUrl, "Bearer jwt");
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("2");
    expect(await response.json()).toMatchObject({ code: "unavailable", status: 503 });
  });

  test("a body that is too large is refused before it is sent", async () => {
    const headers = { "content-length": String(5 * 1024 * 1024) };
    const response = await forward(ask("/api/a/chatkit", { method: "POST", headers }), serviceUrl, "Bearer jwt");
    expect(response.status).toBe(413);
    expect(seen).toBeUndefined();
  });
});
