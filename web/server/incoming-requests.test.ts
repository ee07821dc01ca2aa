import { createServer, type RequestListener } from "node:http";
import { connect, type AddressInfo } from "node:net";

import { expect, test, vi } from "vitest";

import { bodyTimeout, clientAddress, endDrippedBody, FILE_TIMEOUT_MILLISECONDS, guardServer, sayWhoseAddressCounts } from "./incoming-requests";

const request = (forwarded?: string) =>
  ({ headers: { "x-forwarded-for": forwarded }, socket: { remoteAddress: "10.0.0.9" } }) as unknown as Parameters<
    typeof clientAddress
  >[0];

test("a client cannot choose its address", () => {
  expect(clientAddress(request("1.2.3.4"), false)).toBe("10.0.0.9");
});

test("behind a proxy of ours, only what that proxy added counts", () => {
  expect(clientAddress(request("6.6.6.6, 1.2.3.4"), true)).toBe("1.2.3.4");
  expect(clientAddress(request(), true)).toBe("10.0.0.9");
});

/** What a server with this listener answers to `text`, until it ends the connection. */
async function answerTo(text: string, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  guardServer(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await new Promise((resolve, reject) => {
      let answer = "";
      const socket = connect((server.address() as AddressInfo).port, "127.0.0.1", () => socket.write(text));
      socket.on("data", (data) => (answer += data)).on("close", () => resolve(answer)).on("error", reject);
    });
  } finally {
    server.close();
  }
}

test.each(["TRACE", "PROPFIND"])("%s is not for us", async (method) => {
  const answer = await answerTo(`${method} / HTTP/1.1\r\nHost: natter\r\n\r\n`, () => expect.unreachable());
  expect(answer).toMatch(/^HTTP\/1.1 405 /);
});

test.each([["Content-Length: 100"], ["Transfer-Encoding: chunked"]])("a dripped body (%s) ends in time", async (header) => {
  const began = Date.now();
  const text = `POST /api/alice/chat HTTP/1.1\r\nHost: natter\r\n${header}\r\n\r\n1\r\n{`;
  const answer = await answerTo(text, (request, response) => endDrippedBody(request.resume(), response, 100));
  expect(answer).toMatch(/^HTTP\/1.1 408 /);
  expect(Date.now() - began).toBeLessThan(2_000);
});

test("a file may take as long as it does, and nothing that is only called one", () => {
  expect(["/api/a/attachments", "/api/a/attachments?x=1", "/api/a/attachments/atc_1/content?token=t"].map(bodyTimeout)).toEqual(
    Array(3).fill(FILE_TIMEOUT_MILLISECONDS),
  );
  expect(["/api/a/chat", "/api/a/attachmentsx", "/attachments", undefined].map(bodyTimeout)).toEqual(Array(4).fill(10_000));
});

test("a whole body has as much time for its answer as it takes", async () => {
  const text = "POST / HTTP/1.1\r\nHost: natter\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
  const answer = await answerTo(text, (request, response) => {
    endDrippedBody(request.resume(), response, 100);
    setTimeout(() => response.end("late"), 300);
  });
  expect(answer).toMatch(/200 OK[^]*late/);
});

test("where people come from elsewhere, it is said whose address the limits count", () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  sayWhoseAddressCounts(false, "http://127.0.0.1:3000");
  expect(warn).not.toHaveBeenCalled();
  sayWhoseAddressCounts(false, "https://natter.example");
  expect(warn).toHaveBeenLastCalledWith(expect.stringContaining("NATTER_TRUST_FORWARDED_FOR=1"));
  sayWhoseAddressCounts(true, "https://natter.example");
  expect(warn).toHaveBeenLastCalledWith(expect.stringContaining("client_address.from_proxy"));
});
