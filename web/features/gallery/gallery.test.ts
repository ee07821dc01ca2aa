import { afterEach, expect, test, vi } from "vitest";

import { answerFromGallery } from "./gallery-server";

const ask = async (type: string, params: object = {}) =>
  answerFromGallery("/chatkit", { method: "POST", body: JSON.stringify({ type, params }) });

afterEach(() => vi.unstubAllEnvs());

test("the page is known to the development server alone", async () => {
  for (const [mode, isKnown] of [["production", false], ["test", false], ["development", true]] as const) {
    vi.resetModules();
    vi.stubEnv("NODE_ENV", mode);
    const { default: config } = await import("@/next.config");
    expect(config.pageExtensions?.includes("dev.tsx") ?? false).toBe(isKnown);
  }
});

test("the thread holds every widget, and an action is answered with what it is", async () => {
  const { items } = (await (await ask("threads.get_by_id")).json()) as { items: { data: { type: string }[] } };
  expect(items.data.length).toBeGreaterThan(10);
  expect(new Set(items.data.map(({ type }) => type))).toEqual(new Set(["widget"]));
  const answer = await ask("threads.custom_action", { action: { type: "x", payload: { a: 1 } } });
  expect(await answer.text()).toContain('\\"a\\": 1');
});
