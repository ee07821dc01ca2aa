import { expect, test } from "vitest";
import { badgeOf } from "../src/view/tool-badges";

const task = (status_indicator: "none" | "loading" | "complete", icon?: string) => ({ type: "custom" as const, status_indicator, icon });

test("the five states of a tool call", () => {
  expect(badgeOf(task("loading"), true, false)).toBe("running");
  expect(badgeOf(task("complete", "check-circle-filled"), false, false)).toBe("success");
  expect(badgeOf(task("complete"), true, false)).toBe("success");
  expect(badgeOf(task("complete", "info"), true, false)).toBe("failed");
  expect(badgeOf(task("complete", "circle-question"), true, false)).toBe("unknown");
  expect(badgeOf(task("none", "circle-question"), true, false)).toBe("interrupted");
});

test("a task that still runs when nothing is answered was interrupted", () => {
  expect(badgeOf(task("loading"), false, false)).toBe("interrupted");
});

test("a task of a run that waits is waiting, and one that is over is not", () => {
  expect(badgeOf(task("loading"), true, true)).toBe("waiting");
  expect(badgeOf(task("complete"), true, true)).toBe("success");
});

test("a task without a state has no badge", () => {
  expect(badgeOf(task("none"), true, false)).toBeNull();
  expect(badgeOf({ type: "web_search", status_indicator: "complete" }, true, false)).toBe("success");
});
