import { createServer, type AddressInfo, type Server } from "node:net";

import { afterEach, expect, test, vi } from "vitest";

import { bodiesOf, Mailer, mails } from "./mail";

let server: Server | undefined;
afterEach(() => {
  server?.close();
  vi.restoreAllMocks();
});

/** Answers every RCPT as told, in turn; counts how often it was asked. */
async function smtpServer(answers: string[]): Promise<{ url: string; asked: () => number }> {
  let asked = 0;
  server = createServer((socket) => {
    socket.write("220 here\r\n");
    socket.on("error", () => undefined);
    socket.on("data", (data) => {
      const line = data.toString();
      if (line.startsWith("RCPT")) socket.write(`${answers[asked++] ?? "250 yes"}\r\n`);
      else if (line.startsWith("DATA")) socket.write("354 go on\r\n");
      else socket.write("250 yes\r\n");
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return { url: `smtp://127.0.0.1:${(server?.address() as AddressInfo).port}`, asked: () => asked };
}

test.each([
  ["a server that asks to come back later gets it again", ["450 later"], 2, 0],
  ["one that refuses for good does not", ["550 person@example.org is unknown"], 1, 1],
])("%s", async (_name, answers, asks, losses) => {
  const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const smtp = await smtpServer(answers);
  const mailer = new Mailer({ smtpUrl: smtp.url, from: "natter@example.org" }, [1, 1]);
  await mailer.send("person@example.org", mails.alreadyThere("http://x"));
  mailer.close();
  expect(smtp.asked()).toBe(asks);
  expect(log).toHaveBeenCalledTimes(losses);
  expect(JSON.stringify(log.mock.calls)).not.toContain("person@");
});

test("a server that is away is said to be", async () => {
  const smtp = await smtpServer([]);
  const mailer = new Mailer({ smtpUrl: smtp.url, from: "natter@example.org" });
  expect(await mailer.isReachable()).toBe(true);
  await new Promise((resolve) => server?.close(resolve));
  expect(await Promise.all([mailer.isReachable(), mailer.isReachable()])).toEqual([false, false]);
  mailer.close();
});

test("what a person wrote is text, not HTML", () => {
  const { html, text } = bodiesOf(mails.confirmChange("https://x", "t", '"<b>&"@example.org'));
  expect(html).toContain("&quot;&lt;b&gt;&amp;&quot;@example.org");
  expect(text).toContain('"<b>&"@example.org');
});
