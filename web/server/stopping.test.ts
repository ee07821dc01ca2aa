import { Agent, createServer, request, type IncomingMessage } from "node:http";
import { connect, type AddressInfo } from "node:net";

import { afterEach, expect, test } from "vitest";

import { Connections, isStopping } from "./stopping";

const shared = globalThis as typeof globalThis & { natterIsStopping?: boolean };
afterEach(() => (shared.natterIsStopping = false));

/** A server that answers 100 ms after each request, and streams under /stream; with what stops it. */
async function serve() {
  const connections = new Connections();
  const server = createServer((incoming, response) => {
    if (incoming.url === "/stream") {
      response.setHeader("content-type", "text/event-stream").write("data: 1\n\n");
    } else {
      setTimeout(() => response.end("answered"), 100);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { connections, port: (server.address() as AddressInfo).port };
}

type Answer = { connection: string | undefined; text: string };

function post(port: number, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const read = (response: IncomingMessage) => {
      let text = "";
      response.on("data", (part) => (text += part));
      response.on("end", () => resolve({ connection: response.headers.connection, text }));
    };
    request({ port, host: "127.0.0.1", method: "POST", agent }, read).on("error", reject).end("hello");
  });
}

test("clients that go on asking get every answer, until they are refused before they have sent anything", async () => {
  const { connections, port } = await serve();
  const ends: string[] = [];
  const client = async () => {
    const agent = new Agent({ keepAlive: true });
    for (;;) {
      // Not at once: in one process, client and server would act in the same turn of the loop, which no other client can.
      await new Promise((resolve) => setTimeout(resolve, 20 * Math.random()));
      try {
        expect((await post(port, agent)).text).toBe("answered");
      } catch (error) {
        ends.push((error as NodeJS.ErrnoException).code ?? String(error));
        return;
      }
    }
  };
  const clients = Array.from({ length: 12 }, client);
  await new Promise((resolve) => setTimeout(resolve, 250));
  await connections.close();
  await Promise.all(clients);
  expect(new Set(ends)).toEqual(new Set(["ECONNREFUSED"]));
});

test("an answer under way when it is told to stop ends its connection, and readiness knows", async () => {
  const { connections, port } = await serve();
  const agent = new Agent({ keepAlive: true });
  expect((await post(port, agent)).connection).toBe("keep-alive");
  const waiting = post(port, agent);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const closed = connections.close();
  expect(isStopping()).toBe(true);
  expect(await waiting).toEqual({ connection: "close", text: "answered" });
  await closed;
});

test("open event streams and silent connections do not keep it", async () => {
  const { connections, port } = await serve();
  const silent = connect(port, "127.0.0.1");
  const stream = await new Promise<IncomingMessage>((resolve, reject) =>
    request({ port, host: "127.0.0.1", path: "/stream" }, resolve).on("error", reject).end(),
  );
  let received = "";
  stream.on("data", (part) => (received += part)).on("error", () => undefined);
  const began = Date.now();
  await connections.close();
  expect(Date.now() - began).toBeLessThan(2_000);
  expect(received).toBe("data: 1\n\n");
  silent.destroy();
});
