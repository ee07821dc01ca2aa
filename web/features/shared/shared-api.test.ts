import { afterEach, expect, test, vi } from "vitest";

import { answering, readShared } from "./shared-api";

const TOKEN = "A".repeat(43);

afterEach(() => vi.unstubAllGlobals());

test("all pages of a link are read, in their order", async () => {
  const pages: Record<string, object> = {
    [`/api/shared/${TOKEN}`]: { title: "Groceries", shared_at: "2026-11-30T12:00:00Z", items: [{ id: "1" }], after: "7" },
    [`/api/shared/${TOKEN}?after=7`]: { title: "Groceries", shared_at: "2026-11-30T12:00:00Z", items: [{ id: "2" }] },
  };
  vi.stubGlobal("fetch", (url: string) => Promise.resolve(Response.json(pages[url])));
  expect(await readShared(TOKEN)).toEqual({
    title: "Groceries",
    sharedAt: "2026-11-30T12:00:00Z",
    items: [{ id: "1" }, { id: "2" }],
  });
});

test("the element is answered from what was read, and changes nothing", async () => {
  const fetch = answering({ title: "Groceries", sharedAt: "2026-11-30T12:00:00Z", items: [{ id: "1" }] });
  const ask = (type: string) => fetch("/", { method: "POST", body: JSON.stringify({ type, params: {} }) });
  const read = await ask("threads.get_by_id");
  expect(await read.json()).toMatchObject({ title: "Groceries", items: { data: [{ id: "1" }], has_more: false } });
  expect((await ask("threads.delete")).status).toBe(400);
});

test("an address that is no link is not asked for", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new Error("asked")));
  await expect(readShared("short")).rejects.toMatchObject({ status: 404 });
});
