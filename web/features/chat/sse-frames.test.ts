import { expect, test } from "vitest";

import { SseFrames } from "./sse-frames";

const text = (frames: { bytes: Uint8Array }[]) => frames.map(({ bytes }) => new TextDecoder().decode(bytes));

test.each(["\n", "\r\n", "\r"])("frames are found wherever the chunks are cut (line ends %j)", (end) => {
  const whole = [`id: 1${end}data: ä${end}${end}`, `: ping${end}${end}`, `data: b${end}id: 22${end}${end}`];
  const bytes = new TextEncoder().encode(`${whole.join("")}data: cut off`);
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const frames = new SseFrames();
    const found = [];
    for (let at = 0; at < bytes.length; at += size) found.push(...frames.push(bytes.slice(at, at + size)));
    expect(text(found)).toEqual(whole);
    expect(found.map(({ id }) => id)).toEqual(["1", null, "22"]);
  }
});

test("a value that only looks like an id is none", () => {
  expect(new SseFrames().push(new TextEncoder().encode('data: {"id: 7": 1}\n\n'))[0]?.id).toBeNull();
});
