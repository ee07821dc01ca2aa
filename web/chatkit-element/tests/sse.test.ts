import { expect, test } from "vitest";
import { SseParser } from "../src/protocol/sse";

const encode = (text: string) => new TextEncoder().encode(text);

test("frames arrive whole however the bytes are cut", () => {
  const source = ": hello\r\nid: 7\ndata: {\"a\":\ndata: \"ü\"}\n\nevent: run\rid: 8\rdata: x\r\r\ndata:y\n\nignored: z\n\n";
  const whole = new SseParser().push(encode(source));
  expect(whole).toEqual([
    { event: "message", data: '{"a":\n"ü"}', id: "7" },
    { event: "run", data: "x", id: "8" },
    { event: "message", data: "y", id: null },
  ]);
  const bytes = encode(source);
  for (const size of [1, 2, 3, 5]) {
    const parser = new SseParser();
    const frames = [];
    for (let at = 0; at < bytes.length; at += size) frames.push(...parser.push(bytes.slice(at, at + size)));
    expect(frames).toEqual(whole);
  }
});

test("an id without data is passed on, a comment is not", () => {
  expect(new SseParser().push(encode("id: 9\n\n: keep-alive\n\n"))).toEqual([{ event: "message", data: "", id: "9" }]);
});

test("an unfinished frame is not delivered", () => {
  expect(new SseParser().push(encode("data: half\n"))).toEqual([]);
});
