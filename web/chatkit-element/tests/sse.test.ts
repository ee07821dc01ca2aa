import { expect, test } from "vitest";
import { frameParser, type SseFrame } from "../src/protocol/sse";

/** The frames of a body that arrives in pieces of so many bytes. */
function framesOf(text: string, size = Infinity): SseFrame[] {
  const frames: SseFrame[] = [];
  const parse = frameParser({ onFrame: (frame) => frames.push(frame), onBadFrame: () => {} });
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) parse(bytes.slice(at, at + size));
  return frames;
}

test("frames arrive whole however the bytes are cut", () => {
  const source = ": hello\r\nid: 7\ndata: {\"a\":\ndata: \"ü\"}\n\nevent: run\rid: 8\rdata: x\r\r\ndata:y\n\nignored: z\n\n";
  const whole = framesOf(source);
  expect(whole).toEqual([
    { event: "message", data: '{"a":\n"ü"}', id: "7" },
    { event: "run", data: "x", id: "8" },
    { event: "message", data: "y", id: null },
  ]);
  for (const size of [1, 2, 3, 5]) expect(framesOf(source, size)).toEqual(whole);
});

test("an id without data is passed on, a comment is not", () => {
  expect(framesOf("id: 9\n\n: keep-alive\n\n")).toEqual([{ event: "message", data: "", id: "9" }]);
  expect(framesOf("id: 9\n\nid: 10\ndata: x\n\nid: 11\n\ndata: y\n\n")).toEqual([
    { event: "message", data: "", id: "9" },
    { event: "message", data: "x", id: "10" },
    { event: "message", data: "", id: "11" },
    { event: "message", data: "y", id: null },
  ]);
});

test("an unfinished frame is not delivered", () => {
  expect(framesOf("data: half\n")).toEqual([]);
});

test("a frame whose handler raises is told of, and the next ones come", () => {
  const seen: string[] = [];
  const bad: unknown[] = [];
  const onFrame = ({ data }: SseFrame) => {
    if (data === "bad") throw new Error("cannot handle");
    seen.push(data);
  };
  const parse = frameParser({ onFrame, onBadFrame: (error, frame) => bad.push([String(error), frame.id]) });
  parse(new TextEncoder().encode("data: one\n\nid: 7\ndata: bad\n\ndata: two\n\n"));
  expect(seen).toEqual(["one", "two"]);
  expect(bad).toEqual([["Error: cannot handle", "7"]]);
});
