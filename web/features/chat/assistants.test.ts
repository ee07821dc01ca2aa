import { expect, test } from "vitest";

import { chatOptions, elementSettings } from "./chat-options";
import { tellingWhom } from "./resumable-fetch";
import type { Assistant } from "./use-assistants";

const SUPPORT: Assistant = {
  assistant_id: "support",
  name: "Support desk",
  greeting: "How can we help?",
  start_prompts: [
    { label: "My order", prompt: "Where is my order?", icon: "cube" },
    { label: "Refund", prompt: "I want a refund" },
  ],
  attachment_types: ["*/*"],
  tools: [{ id: "search", label: "Search" }],
  models: [
    { id: "small", label: "Small", description: "Quick", is_default: false, attachment_types: ["*/*"] },
    { id: "large", label: "Large", is_default: true, attachment_types: ["*/*"] },
  ],
  commands: [
    { id: "mcp:prompt:shop/find", label: "Find a gift", description: "For somebody" },
    { id: "mcp:prompt:shop/sum", label: "Sum up" },
  ],
  resources: [{ id: "mcp:resource:shop/a", label: "Terms", group: "Shop" }],
};

const NOTHING = { attachments: null, dictation: false };

const optionsFor = (assistant: Assistant | null) => {
  globalThis.location ??= { origin: "https://natter.test" } as Location;
  return chatOptions({ userId: "a", domainKey: "k", scheme: "light", initialThread: null, assistant, offer: NOTHING, fetch });
};

test("the start screen and the composer are those of the assistant that is written to", () => {
  const { startScreen, composer } = optionsFor(SUPPORT);
  expect(startScreen?.greeting).toBe("How can we help?");
  expect(startScreen?.prompts).toEqual([
    { label: "My order", prompt: "Where is my order?", icon: "cube" },
    { label: "Refund", prompt: "I want a refund" },
  ]);
  expect(composer?.tools).toEqual([{ id: "search", label: "Search", icon: "sparkle" }]);
  expect(composer?.models).toEqual([
    { id: "small", label: "Small", description: "Quick", default: false },
    { id: "large", label: "Large", default: true },
  ]);
});

test("prompts and resources of the assistant's servers are offered, and come back as tags", async () => {
  const { commands, entities } = optionsFor(SUPPORT);
  expect((await commands?.onSearch?.("fi"))?.map(({ label }) => label)).toEqual(["Find a gift"]);
  const [found] = (await commands?.onSearch?.("")) ?? [];
  expect(found).toMatchObject({ label: "Find a gift", description: "For somebody" });
  expect(await commands?.onSelect?.(found!)).toMatchObject({ type: "entity", entity: { id: "mcp:prompt:shop/find", title: "Find a gift" } });
  expect(await entities?.onTagSearch?.("ter")).toMatchObject([{ id: "mcp:resource:shop/a", title: "Terms", group: "Shop" }]);
  expect(optionsFor({ ...SUPPORT, commands: [], resources: [] })).not.toHaveProperty("commands");
});

test("where nobody could say who there is, one may write all the same, and there are no empty menus", () => {
  const { startScreen, composer } = optionsFor(null);
  expect(startScreen).toEqual({ greeting: "What can I help you with?", prompts: [] });
  expect(Object.keys(composer ?? {})).toEqual(["placeholder"]);
  const one = { ...SUPPORT, tools: [], models: SUPPORT.models.slice(0, 1) };
  expect(Object.keys(optionsFor(one).composer ?? {})).toEqual(["placeholder"]);
});

test("what is posted says to whom, and in which time zone", async () => {
  const seen: (RequestInit | undefined)[] = [];
  let assistant: string | null = "support";
  const send = tellingWhom(
    (_input, init) => {
      seen.push(init);
      return Promise.resolve(new Response());
    },
    () => assistant,
  );
  await send("/chatkit", { method: "POST", headers: { "Content-Type": "application/json" } });
  assistant = null;
  await send("/chatkit", { method: "POST" });
  await send("/stream");
  const [first, second] = seen.map((init) => new Headers(init?.headers));
  expect(first?.get("natter-assistant")).toBe("support");
  expect(first?.get("content-type")).toBe("application/json");
  expect(first?.get("natter-time-zone")).toBe(Intl.DateTimeFormat().resolvedOptions().timeZone);
  expect(second?.has("natter-assistant")).toBe(false);
  expect(seen[2]).toBeUndefined();
});

test("files and speech are taken where the server takes them, within its bounds", () => {
  const attachments = { types: ["image/png", "text/plain"], bytes_max: 100, picture_bytes_max: 50, count_max: 3 };
  const setup = { userId: "a", domainKey: "k", scheme: "light", initialThread: null, assistant: null, fetch } as const;
  const { composer } = chatOptions({ ...setup, offer: { attachments, dictation: true } });
  expect(composer?.attachments).toMatchObject({ enabled: true, maxSize: { "image/*": 50, "*": 100 }, maxCount: 3 });
  expect(composer?.attachments?.accept?.["image/png"]).toEqual([]);
  expect(composer?.attachments?.accept?.["text/*"]).toContain(".md");
  // What nobody here can look at is not offered; what one of the models can is, and the composer is told which.
  const models = SUPPORT.models.map((model, at) => ({ ...model, attachment_types: at === 0 ? ["text/*"] : ["image/png", "text/*"] }));
  const assistant = { ...SUPPORT, models };
  const offer = { attachments: { ...attachments, types: ["application/pdf", ...attachments.types] }, dictation: true };
  expect(Object.keys(chatOptions({ ...setup, assistant, offer }).composer?.attachments?.accept ?? {})).toEqual(["image/png", "text/*"]);
  const files = JSON.parse(elementSettings({ userId: "a", assistant, offer })["data-model-files"]!) as Record<string, object>;
  expect(Object.entries(files).map(([id, accept]) => [id, Object.keys(accept)])).toEqual([["small", ["text/*"]], ["large", ["image/png", "text/*"]]]);
  expect(composer?.dictation).toEqual({ enabled: true });
});
