import { expect, test, vi } from "vitest";
import { acceptAttribute, attachmentRules, isTaken, mimeTypeOf, refusalOf, rulesForModel } from "../src/options/attachments";
import { Attachments, uploadedOf } from "../src/chat/attachments";
import { TabStorage } from "../src/chat/storage";
import type { ComposerAttachment } from "../src/state/app-state";

const rules = (attachments: object) => attachmentRules({ attachments: { enabled: true, ...attachments } }) ?? expect.fail();
const file = (name: string, type: string, size = 10) => new File(["x".repeat(size)], name, { type });

test("nothing can be attached unless the page says so", () => {
  expect(attachmentRules(undefined)).toBeNull();
  expect(attachmentRules({ attachments: { enabled: false, maxCount: 3 } })).toBeNull();
  expect(rules({})).toEqual({ sizeBytesMax: 100 * 1024 * 1024, countMax: 10, accept: null, acceptByModel: null });
});

test("the most specific size counts, and the default where no pattern fits", () => {
  const sizes = rules({ maxSize: { "image/png": 5, "image/*": 20, "*": 30 } });
  expect(refusalOf(file("a.png", "image/png"), sizes, 0)).toEqual({ code: "too_large", name: "a.png", limit: 5 });
  expect(refusalOf(file("a.gif", "image/gif"), sizes, 0)).toBeNull();
  expect(refusalOf(file("a.gif", "image/gif", 21), sizes, 0)?.limit).toBe(20);
  expect(refusalOf(file("a.pdf", "application/pdf", 31), sizes, 0)?.limit).toBe(30);
  expect(refusalOf(file("a.pdf", "application/pdf", 31), rules({ maxSize: { "image/*": 1 } }), 0)).toBeNull();
  expect(refusalOf(file("a.pdf", "application/pdf", 31), rules({ maxSize: 30 }), 0)?.code).toBe("too_large");
});

test("a kind is known by its type or its extension; an empty file and one too many are refused", () => {
  const some = rules({ accept: { "image/*": [".heic"], "text/markdown": [".md"] }, maxCount: 2 });
  expect(acceptAttribute(some)).toBe("image/*,.heic,text/markdown,.md");
  expect(refusalOf(file("A.HEIC", ""), some, 0)).toBeNull();
  expect(mimeTypeOf(file("notes.md", ""), some)).toBe("text/markdown");
  expect(mimeTypeOf(file("A.HEIC", ""), some)).toBe("application/octet-stream");
  expect(refusalOf(file("a.exe", "application/x-msdownload"), some, 0)?.code).toBe("kind");
  expect(refusalOf(file("a.png", "image/png", 0), some, 0)?.code).toBe("empty");
  expect(refusalOf(file("a.png", "image/png"), some, 2)).toEqual({ code: "too_many", name: "a.png", limit: 2 });
});

test("what the chosen model cannot look at is refused, and said of what was attached before it was chosen", () => {
  const all = rules({ accept: { "image/*": [], "text/*": [".md"] } });
  const plain = rulesForModel(all, { plain: { "text/*": [".md"] } }, "plain") ?? expect.fail();
  expect(rulesForModel(all, { plain: {} }, "seeing")).toBe(all);
  expect(acceptAttribute(plain)).toBe("text/*,.md");
  expect(refusalOf(file("a.png", "image/png"), plain, 0)?.code).toBe("model");
  expect(refusalOf(file("a.exe", "application/x-msdownload"), plain, 0)?.code).toBe("kind");
  const picture = { name: "a.png", mimeType: "image/png", isOwn: true };
  expect([isTaken(picture, all), isTaken(picture, plain), isTaken({ ...picture, isOwn: false }, plain)]).toEqual([true, false, true]);
});

/** Uploads end when the test says so. */
function harness() {
  const host = {
    storage: new TabStorage(crypto.randomUUID()),
    threadId: null as string | null,
    list: [] as readonly ComposerAttachment[],
    ends: [] as { resolve: () => void; reject: (error: Error) => void }[],
    deleted: [] as string[],
    created: 0,
    uploadStrategy: () => undefined,
    reportError: () => {},
    onAttachments: (list: readonly ComposerAttachment[]) => void (host.list = list),
    client: {
      createAttachment: async ({ name }: File) => ({ id: `atc_${(host.created += 1)}`, type: "file", name, mime_type: "text/plain", upload_descriptor: { url: "/put", method: "PUT" } }),
      sendFile: ({ signal }: { signal: AbortSignal }) =>
        new Promise<null>((resolve, reject) => {
          signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
          host.ends.push({ resolve: () => resolve(null), reject });
        }),
      deleteAttachment: async (id: string) => void host.deleted.push(id),
    },
  };
  return { host, attachments: new Attachments(host as never) };
}

const settled = () => vi.waitFor(() => new Promise((resolve) => setTimeout(resolve)));
const states = (list: readonly ComposerAttachment[]) => list.map(({ status }) => status);

test("a few are uploaded at a time; one that fails can be tried again, and one that is removed is deleted", async () => {
  const { host, attachments } = harness();
  const { ended } = attachments.add([1, 2, 3, 4].map((n) => file(`${n}.txt`, "text/plain")), rules({}));
  await settled();
  expect([host.created, states(host.list)]).toEqual([3, Array(4).fill("uploading")]);
  host.ends[0]?.resolve();
  host.ends[1]?.reject(new Error("broken"));
  await settled();
  expect([host.created, states(host.list)]).toEqual([4, ["ready", "failed", "uploading", "uploading"]]);
  void attachments.retry(host.list[1]?.key ?? "");
  attachments.remove(host.list[2]?.key ?? "");
  await settled();
  expect(host.deleted).toEqual(["atc_2", "atc_3"]);
  for (const end of host.ends) end.resolve();
  await ended;
  await settled();
  expect(uploadedOf(host.list).map(({ id }) => id)).toEqual(["atc_1", "atc_5", "atc_4"]);
});

test("each thread has its own, which go on while another one is open, and are there after a refresh", async () => {
  const { host, attachments } = harness();
  attachments.add([file("a.txt", "text/plain"), file("b.txt", "text/plain")], rules({}));
  await settled();
  host.threadId = "thr_1";
  expect(attachments.of("thr_1")).toEqual([]);
  host.ends[0]?.resolve();
  await settled();
  expect(host.list.length).toBe(2); // what was shown of the first thread is not touched
  const after = new Attachments({ ...host, threadId: null } as never);
  expect(after.of(null).map(({ name, status, error }) => [name, status, error?.code])).toEqual([
    ["a.txt", "ready", undefined],
    ["b.txt", "failed", "upload_interrupted"],
  ]);
  attachments.move(null, "thr_2");
  expect([attachments.of(null).length, attachments.of("thr_2").length]).toEqual([0, 2]);
});

test("what was sent to a store elsewhere is finished at our server, which says what it is", async () => {
  const { host, attachments } = harness();
  const sent: { url: string; method: string; body: unknown }[] = [];
  const created = { id: "atc_1", type: "file", name: "a.txt", mime_type: "image/png" };
  host.client.createAttachment = async () => ({ ...created, upload_descriptor: { url: "https://store/1", method: "PUT", finish_url: "/finish" } });
  host.client.sendFile = (async (request: { url: string; method: string; body: unknown }) => {
    sent.push(request);
    return request.method === "POST" ? { ...created, mime_type: "text/plain" } : null;
  }) as never;
  const chosen = file("a.txt", "image/png");
  await attachments.add([chosen], rules({})).ended;
  expect(sent.map(({ url, method, body }) => [url, method, body])).toEqual([
    ["https://store/1", "PUT", chosen],
    ["/finish", "POST", null],
  ]);
  expect(uploadedOf(host.list)[0]?.mime_type).toBe("text/plain");
});
