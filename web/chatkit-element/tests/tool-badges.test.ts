import { expect, test } from "vitest";
import { badgeOf } from "../src/view/tool-badges";

const task = (status_indicator: "none" | "loading" | "complete", icon?: string) => ({ type: "custom" as const, status_indicator, icon });

test("the five states of a tool call", () => {
  expect(badgeOf(task("loading"), true)).toBe("running");
  expect(badgeOf(task("complete", "check-circle-filled"), false)).toBe("success");
  expect(badgeOf(task("complete"), true)).toBe("success");
  expect(badgeOf(task("complete", "info"), true)).toBe("failed");
  expect(badgeOf(task("complete", "circle-question"), true)).toBe("unknown");
  expect(badgeOf(task("none", "circle-question"), true)).toBe("interrupted");
});

test("a task that still runs when nothing is answered was interrupted", () => {
  expect(badgeOf(task("loading"), false)).toBe("interrupted");
});

test("a task without a state has no badge", () => {
  expect(badgeOf(task("none"), true)).toBeNull();
  expect(badgeOf({ type: "web_search", status_indicator: "complete" }, true)).toBe("success");
});
