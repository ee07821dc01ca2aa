import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { createResumableFetch, tellingSignOut } from "./resumable-fetch";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let origin: string;
let posts: IncomingMessage[];
let gets: IncomingMessage[];
let onPost: Handler;
let onGet: Handler;
let signedOut: number;

const EVENTS_COUNT = 30;
const STREAM_HEADERS = { "content-type": "text/event-stream" };
const frame = (sequence: number) => `id: ${sequence}\ndata: {"n":${sequence}}\n\n`;

/** Redirects a send to its run, whose stream dies after every `eventsPerConnection` events, in the middle of one. */
function serveRun(eventsPerConnection: number, end: "cut" | "close") {
  onPost = (_request, response) => response.writeHead(303, { location: "/run" }).end();
  onGet = (request, response) => {
    const from = Number(request.headers["last-event-id"] ?? 0) + 1;
    if (from > EVENTS_COUNT) return void response.writeHead(204).end();
    const to = Math.min(from + eventsPerConnection - 1, EVENTS_COUNT);
    response.writeHead(200, STREAM_HEADERS).write("retry: 5\n\n");
    for (let sequence = from; sequence <= to; sequence += 1) response.write(frame(sequence));
    if (end === "close") return void response.end();
    response.write(frame(to + 1).slice(0, 9), () => response.destroy());
  };
}

beforeEach(async () => {
  // The window tells that the browser is online.
  const page = new EventTarget();
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
  posts = [];
  gets = [];
  signedOut = 0;
  server = createServer((request, response) => {
    (request.method === "POST" ? posts : gets).push(request);
    (request.method === "POST" ? onPost : onGet)(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const resumable = createResumableFetch({
  fetch: tellingSignOut(
    (input, init) => fetch(input, init),
    () => {
      signedOut += 1;
    },
  ),
  wait: async () => undefined,
});
const say = (more: RequestInit = {}) =>
  resumable(`${origin}/chatkit`, { method: "POST", body: '{"type":"threads.create","params":{}}', ...more });
const everything = Array.from({ length: EVENTS_COUNT }, (_, index) => frame(index + 1)).join("");

describe("the answer to a send", () => {
  test.each([
    ["cut", 1],
    ["cut", 7],
    ["cut", 30],
    ["close", 7],
    ["close", 100],
  ] as const)("is whole and in order when the connection is %s after every %i events", async (end, events) => {
    serveRun(events, end);
    const response = await say();
    expect(response.url).toBe(`${origin}/run`);
    expect(await response.text()).toBe(everything);
  });

  test("shows no event twice when the server repeats some", async () => {
    serveRun(7, "cut");
    const once = onGet;
    onGet = (request, response) => {
      const last = Number(request.headers["last-event-id"] ?? 0);
      if (last >= EVENTS_COUNT) return once(request, response);
      request.headers["last-event-id"] = String(Math.max(0, last - 3));
      once(request, response);
    };
    expect(await (await say()).text()).toBe(everything);
  });

  test("fails when the run may not be read any more", async () => {
    serveRun(5, "cut");
    const once = onGet;
    onGet = (request, response) =>
      request.headers["last-event-id"] ? void response.writeHead(403).end() : once(request, response);
    await expect((await say()).text()).rejects.toThrow(/403/);
  });

  test("stops asking when its reader leaves", async () => {
    serveRun(1, "cut");
    const reader = (await say()).body!.getReader();
    await reader.read();
    await reader.cancel();
    const asked = gets.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(gets.length).toBeLessThanOrEqual(asked + 1);
  });

  test("is asked for again when the relay asked for it", async () => {
    serveRun(20, "close");
    const once = onGet;
    const askedAtMs: number[] = [];
    onGet = (request, response) => {
      askedAtMs.push(performance.now());
      const end = response.end.bind(response);
      response.end = (() => (response.headersSent ? end("retry: 600\n\n") : end())) as typeof response.end;
      once(request, response);
    };
    expect(await (await say()).text()).toBe(everything);
    expect(askedAtMs).toHaveLength(3);
    expect((askedAtMs[1] ?? 0) - (askedAtMs[0] ?? 0)).toBeGreaterThan(590);
  });

  test("ends with an error when it is aborted", async () => {
    onPost = (_request, response) => response.writeHead(303, { location: "/run" }).end();
    onGet = (_request, response) => void response.writeHead(200, STREAM_HEADERS).write(frame(1));
    const stop = new AbortController();
    const response = await say({ signal: stop.signal });
    setTimeout(() => stop.abort(), 20);
    await expect(response.text()).rejects.toThrow();
  });
});

describe("a send", () => {
  test("is repeated with the same key when its answer was lost", async () => {
    let calls = 0;
    onPost = (request, response) => {
      calls += 1;
      if (calls === 1) return void request.socket.destroy();
      if (calls === 2) return void response.writeHead(503).end();
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
    };
    expect((await say()).status).toBe(200);
    const keys = posts.map(({ headers }) => headers["idempotency-key"]);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
  });

  test("keeps a key that the element chose, and every send has its own", async () => {
    onPost = (_request, response) => response.writeHead(200, { "content-type": "application/json" }).end("{}");
    await say({ headers: { "Idempotency-Key": "mine" } });
    await say();
    await say();
    const keys = posts.map(({ headers }) => headers["idempotency-key"]);
    expect(keys[0]).toBe("mine");
    expect(new Set(keys).size).toBe(3);
  });

  test("that only reads is passed on untouched", async () => {
    onPost = (_request, response) => response.writeHead(500).end();
    const response = await resumable(`${origin}/chatkit`, { method: "POST", body: '{"type":"threads.list"}' });
    expect(response.status).toBe(500);
    expect(posts).toHaveLength(1);
    expect(posts[0]?.headers["idempotency-key"]).toBeUndefined();
  });

  test("without a session says so", async () => {
    onPost = (_request, response) => response.writeHead(401).end();
    expect((await say()).status).toBe(401);
    expect(signedOut).toBe(1);
  });
});
