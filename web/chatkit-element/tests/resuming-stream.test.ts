import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ResumingStream, type StreamOptions } from "../src/protocol/resuming-stream";

/** What the server does with each connection, in order; the last one again and again. */
type Connection = () => Response | Promise<Response>;

let asked: { lastEventId: string | null; atMs: number }[];
let said: string[];
let stream: ResumingStream | null = null;

const body = (text: string) => new Response(text);
/** Says the text, and then nothing more. */
const open = (text: string, signal?: AbortSignal) =>
  new Response(
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(text));
        signal?.addEventListener("abort", () => controller.error(new Error("aborted")));
      },
    }),
  );
const lost = (): never => {
  throw new TypeError("no network");
};

function start(connections: Connection[], options: Partial<StreamOptions> = {}): ResumingStream {
  const startedAtMs = Date.now();
  stream = new ResumingStream({
    connect: async (lastEventId) => {
      const connection = connections[Math.min(asked.length, connections.length - 1)] as Connection;
      asked.push({ lastEventId, atMs: Date.now() - startedAtMs });
      return connection();
    },
    onFrame: ({ data }) => said.push(data),
    onBadFrame: (error) => said.push(String(error)),
    onOpen: () => said.push("open"),
    onDown: () => said.push("down"),
    onEnd: (end) => said.push(end.type),
    ...options,
  });
  return stream;
}

beforeEach(() => {
  asked = [];
  said = [];
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5); // the backoff as it is written
});
afterEach(() => {
  stream?.close();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("the next connection", () => {
  test("continues behind the last event, until there is nothing more", async () => {
    start([() => body("id: 4\ndata: a\n\nid: 5\n\n"), () => body("id: 9\ndata: b\n\n"), () => new Response(null, { status: 204 })]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked.map(({ lastEventId }) => lastEventId)).toEqual([null, "5", "9"]);
    expect(said).toEqual(["open", "a", "", "down", "open", "b", "down", "over"]);
  });

  test("comes when the server asked for it", async () => {
    start([() => body("data: a\n\nretry: 1700\n\n")]);
    await vi.advanceTimersByTimeAsync(1_699);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(asked).toHaveLength(2);
  });

  test("comes when the server asked for it at the beginning, if the connection is lost", async () => {
    let fail = () => {};
    const broken = () =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode("retry: 1700\n\ndata: a\n\n"));
            fail = () => controller.error(new TypeError("lost"));
          },
        }),
      );
    start([broken]);
    await vi.advanceTimersByTimeAsync(5_000);
    fail();
    await vi.advanceTimersByTimeAsync(1_699);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(asked).toHaveLength(2);
  });

  test("is asked for at once after a stream that ended in order: it may have said everything", async () => {
    start([() => body("retry: 1700\n\ndata: a\n\n"), () => new Response(null, { status: 204 })]);
    await vi.advanceTimersByTimeAsync(100);
    expect(said).toEqual(["open", "a", "down", "over"]);
  });

  test.each(["retry: 3600000\n\n", "retry: 99999999999999999999\n\n"])("comes within 30 s, whatever the server asked for: %j", async (text) => {
    start([() => body(text)]);
    await vi.advanceTimersByTimeAsync(29_999);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(asked).toHaveLength(2);
  });

  test.each(["retry: soon\n\n", "retry: -5\n\n", "retry:\n\n"])("comes as if nothing had been asked for after %j", async (text) => {
    start([() => body(text)]);
    await vi.advanceTimersByTimeAsync(100);
    expect(asked).toHaveLength(2);
  });

  test("comes later each time while nothing answers, and at once when the network is back", async () => {
    start([lost]);
    await vi.advanceTimersByTimeAsync(30_000);
    const gaps = asked.slice(1).map(({ atMs }, index) => atMs - (asked[index]?.atMs ?? 0));
    expect(gaps).toEqual([100, 250, 500, 1_000, 2_000, 4_000, 8_000, 8_000]);
    dispatchEvent(new Event("online"));
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toHaveLength(10);
  });

  test.each([429, 503])("waits for what a %i asked for, within bounds", async (status) => {
    const refuse = (seconds: string) => () => new Response(null, { status, headers: { "Retry-After": seconds } });
    start([refuse("5"), refuse("86400"), refuse("Fri, 31 Dec 2100 23:59:59 GMT")]);
    await vi.advanceTimersByTimeAsync(36_000);
    expect(asked.map(({ atMs }) => atMs)).toEqual([0, 5_000, 35_000, 35_500]);
  });
});

describe("the stream", () => {
  test("ends where it is refused, and a 401 may pass", async () => {
    start([() => new Response(null, { status: 403 })]);
    await vi.advanceTimersByTimeAsync(0);
    start([() => new Response(null, { status: 401 })]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(said).toEqual(["refused", "refused"]);
    expect(asked).toHaveLength(2);
    asked = [];
    start([() => new Response(null, { status: 401 }), () => open("data: a\n\n")], { isSignInRenewed: true });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(said.slice(2)).toEqual(["open", "a"]);
  });

  test("leaves what the server says of a refusal to be read", async () => {
    let signal: AbortSignal | undefined;
    const wasAborted: unknown[] = [];
    start([], {
      connect: async (_lastEventId, given) => {
        signal = given;
        return new Response("not yours", { status: 403 });
      },
      onEnd: () => wasAborted.push(signal?.aborted),
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(wasAborted).toEqual([false]);
  });

  test("is given up after as many failures as its owner allows", async () => {
    start([lost], { failuresMax: 3 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toHaveLength(4);
    expect(said).toEqual(["lost"]);
  });

  test("goes on behind a frame that cannot be handled", async () => {
    const seen: string[] = [];
    const onFrame = ({ data }: { data: string }) => {
      if (data === "bad") throw new Error("cannot handle it");
      seen.push(data);
    };
    start([() => body("id: 1\ndata: a\n\nid: 2\ndata: bad\n\nid: 3\ndata: b\n\n")], { onFrame });
    await vi.advanceTimersByTimeAsync(100);
    expect(seen.slice(0, 2)).toEqual(["a", "b"]);
    expect(said.slice(0, 3)).toEqual(["open", "Error: cannot handle it", "down"]);
    expect(asked[1]?.lastEventId).toBe("3");
  });

  test("that is silent is dropped and opened again", async () => {
    const signals: AbortSignal[] = [];
    start([], {
      connect: async (_lastEventId, signal) => {
        signals.push(signal);
        return open("data: a\n\n", signal);
      },
    });
    await vi.advanceTimersByTimeAsync(25_000);
    expect(signals).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(signals).toHaveLength(2);
    expect(signals[0]?.aborted).toBe(true);
    await vi.advanceTimersByTimeAsync(13_000);
    stream?.wake();
    await vi.advanceTimersByTimeAsync(200);
    expect(signals).toHaveLength(3);
  });

  test("says nothing after it was closed", async () => {
    const closing = start([() => open("data: a\n\n")], { onFrame: ({ data }) => (said.push(data), closing.close()) });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(said).toEqual(["open", "a"]);
    expect(asked).toHaveLength(1);
  });
});
