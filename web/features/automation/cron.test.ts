import { expect, test } from "vitest";

import { cronOf, cronText, type Repeat } from "./cron";

const FIELDS = { time: "09:05", weekday: "FRI", day: "15", cron: " */30  8-17 * * 1-5 " };

test.each<[Repeat, string | null, string]>([
  ["once", null, ""],
  ["daily", "5 9 * * *", "Every day at 09:05"],
  ["weekdays", "5 9 * * MON-FRI", "Every weekday at 09:05"],
  ["weekly", "5 9 * * FRI", "Every Friday at 09:05"],
  ["monthly", "5 9 15 * *", "On day 15 of every month at 09:05"],
  ["cron", "*/30 8-17 * * 1-5", "Cron: */30 8-17 * * 1-5"],
])("%s is %s, and is told as %s", (repeat, cron, text) => {
  expect(cronOf({ ...FIELDS, repeat })).toBe(cron);
  if (cron !== null) expect(cronText(cron)).toBe(text);
});

test("what an assistant writes is told in words as well, and what has none is shown as it is", () => {
  expect(cronText("0 9 * * fri")).toBe("Every Friday at 09:00");
  expect(cronText("0 9 * * 7")).toBe("Every Sunday at 09:00");
  expect(cronText("0 9 1 1 *")).toBe("Cron: 0 9 1 1 *");
  expect(cronText("0 9 * * MON,FRI")).toBe("Cron: 0 9 * * MON,FRI");
});
