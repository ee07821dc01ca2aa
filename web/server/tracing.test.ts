import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { forward } from "./forward";
import { templateOf } from "./route-templates";
import { startTracing, stopTracing } from "./tracing";

const isLoaded = vi.hoisted(() => ({ sdk: false }));
// The real module, noted when it is loaded.
vi.mock("./tracing-sdk", async (original) => {
  isLoaded.sdk = true;
  return await original<typeof import("./tracing-sdk")>();
});

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const BROWSER = "b7ad6b7169203331";
const CALLED_ON = { traceparent: `00-${TRACE_ID}-${BROWSER}-01`, tracestate: "vendor=1" };

let service: Server;
let collector: Server;
let seen: IncomingHttpHeaders;
let status: number;
let collected: { path: string | undefined; type: string | undefined; body: Buffer }[];

beforeEach(async () => {
  status = 200;
  collected = [];
  service = await listening(
    createServer((request, response) => {
      seen = request.headers;
      response.writeHead(status).end("{}");
    }),
  );
  collector = await listening(
    createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        collected.push({ path: request.url, type: request.headers["content-type"], body: Buffer.concat(parts) });
        response.end();
      });
    }),
  );
});

afterEach(async () => {
  await stopTracing();
  vi.unstubAllEnvs();
  for (const server of [service, collector]) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function listening(server: Server): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function switchOn(): Promise<void> {
  vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", urlOf(collector));
  await startTracing();
}

async function passOn(path: string, headers: Record<string, string> = {}): Promise<void> {
  const answer = await forward(new Request(`https://natter.test${path}`, { headers }), urlOf(service), "Bearer jwt");
  await answer.text();
}

type Collected = { traceId: string; spanId: string; parentId: string; name: string; kind: number };

/** What a collector reads of the one span that it was sent (opentelemetry/proto/trace/v1/trace.proto). */
function theSpan(): Collected {
  expect(collected).toMatchObject([{ path: "/v1/traces", type: "application/x-protobuf" }]);
  const resourceSpans = fieldsOf(only(fieldsOf(collected[0]!.body), 1));
  const span = fieldsOf(only(fieldsOf(only(resourceSpans, 2)), 2));
  const hex = (number: number) => (span.get(number)?.[0] as Buffer | undefined)?.toString("hex") ?? "";
  const kind = span.get(6)?.[0] as number;
  return { traceId: hex(1), spanId: hex(2), parentId: hex(4), name: only(span, 5).toString(), kind };
}

function only(fields: Map<number, (Buffer | number)[]>, number: number): Buffer {
  expect(fields.get(number)).toHaveLength(1);
  return fields.get(number)![0] as Buffer;
}

/** The fields of one protobuf message, by number: bytes and varints, and nothing for what is fixed. */
function fieldsOf(message: Buffer): Map<number, (Buffer | number)[]> {
  const fields = new Map<number, (Buffer | number)[]>();
  let at = 0;
  const varint = () => {
    for (let value = 0, factor = 1; ; factor *= 128) {
      const byte = message[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const [number, wire] = [key >> 3, key & 7];
    if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else {
      const length = varint();
      const value = wire === 0 ? length : message.subarray(at, at + length);
      if (wire === 2) at += length;
      fields.set(number, [...(fields.get(number) ?? []), value]);
    }
  }
  return fields;
}

test("without a collector OpenTelemetry is not loaded, and what a browser sent passes as it came", async () => {
  vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", "");
  await startTracing();
  await passOn("/api/zoe.quux/tasks", CALLED_ON);
  expect(seen).toMatchObject(CALLED_ON);
  await passOn("/api/zoe.quux/tasks");
  expect(seen.traceparent).toBeUndefined();
  expect(isLoaded.sdk).toBe(false);
});

test("a trace begins here where the browser sent none, and the service's parent is our span", async () => {
  await switchOn();
  await passOn("/api/zoe.quux/runs/run_1/stream?said=secret", { tracestate: "of=nobody" });
  await stopTracing();
  const span = theSpan();
  expect(span).toMatchObject({ name: "GET /api/{user_id}/runs/{run_id}/stream", parentId: "", kind: 2 });
  expect(seen.traceparent).toBe(`00-${span.traceId}-${span.spanId}-01`);
  expect(seen.tracestate).toBeUndefined();
  const text = collected[0]!.body.toString("latin1");
  for (const said of ["zoe.quux", "run_1", "secret"]) expect(text).not.toContain(said);
  expect(text).toContain("http.route");
});

test("a trace that the browser began goes on", async () => {
  await switchOn();
  await passOn("/api/zoe.quux/tasks", CALLED_ON);
  await stopTracing();
  const span = theSpan();
  expect(span).toMatchObject({ traceId: TRACE_ID, parentId: BROWSER, name: "GET /api/{user_id}/tasks" });
  expect(seen).toMatchObject({ traceparent: `00-${TRACE_ID}-${span.spanId}-01`, tracestate: CALLED_ON.tracestate });
});

test("a trace that is not sampled goes on, and is sent to nobody", async () => {
  await switchOn();
  await passOn("/api/zoe.quux/tasks", { traceparent: `00-${TRACE_ID}-${BROWSER}-00` });
  await stopTracing();
  expect(seen.traceparent).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-00$`));
  expect(collected).toEqual([]);
});

test.each(["nonsense", `00-${"0".repeat(32)}-${BROWSER}-01`, `ff-${TRACE_ID}-${BROWSER}-01`])(
  "a traceparent that says nothing (%s) is replaced",
  async (traceparent) => {
    await switchOn();
    await passOn("/api/zoe.quux/tasks", { traceparent });
    await stopTracing();
    expect(theSpan().parentId).toBe("");
    expect(seen.traceparent).toMatch(/^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(seen.traceparent).not.toContain(TRACE_ID);
  },
);

test("an error of a service is one of the span, and a path of no route is not told", async () => {
  await switchOn();
  status = 500;
  await passOn("/api/zoe.quux/of/nothing");
  await stopTracing();
  expect(theSpan().name).toBe("GET");
  const text = collected[0]!.body.toString("latin1");
  expect(text).toContain("error.type");
  expect(text).not.toContain("nothing");
});

test.each([
  ["/api/alice", "/api/{user_id}"],
  ["/api/shared/abc", "/api/shared/{token}"],
  ["/api/alice/connections/callback", "/api/{user_id}/connections/callback"],
  ["/api/alice/tasks/t1/more", null],
])("the route of %s is %s", (pathname, route) => {
  expect(templateOf(pathname)).toBe(route);
});
