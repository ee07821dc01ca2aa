import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

import { dueFields, dueOf, dueText, isOverdue, recurrenceText } from "./due";
import type { Due } from "./task-api";

const due = (at: string, more: Partial<Due> = {}): Due => ({ at, zone: "Europe/Zurich", all_day: false, recurrence: null, ...more });

beforeAll(() => vi.stubEnv("TZ", "Europe/Zurich"));
afterAll(() => vi.unstubAllEnvs());

describe("in the time zone of the browser", () => {
  test.each([
    ["2026-12-04", "09:00", "2026-12-04T08:00:00.000Z"],
    ["2026-07-04", "09:00", "2026-07-04T07:00:00.000Z"],
    ["2026-03-29", "02:30", "2026-03-29T01:30:00.000Z"], // the clocks leave that hour out
    ["2026-10-25", "02:30", "2026-10-25T00:30:00.000Z"], // it comes twice: the first one
    ["2026-12-04", "", "2026-12-03T23:00:00.000Z"],
  ])("%s %s is %s", (date, time, at) => {
    const meant = dueOf({ date, time, recurrence: "" });
    expect(meant).toEqual(due(at, { all_day: time === "" }));
    if (time !== "02:30") expect(dueFields(meant)).toEqual({ date, time, recurrence: "" });
  });

  test("without a day there is no date", () => {
    expect(dueOf({ date: "", time: "09:00", recurrence: "FREQ=DAILY" })).toBeNull();
    expect(dueFields(null)).toEqual({ date: "", time: "", recurrence: "" });
  });

  test("a whole day is the same one wherever it was meant", () => {
    const newYork = due("2026-12-04T05:00:00Z", { zone: "America/New_York", all_day: true });
    expect(dueFields(newYork).date).toBe("2026-12-04");
    expect(isOverdue(newYork, new Date("2026-12-04T22:59:00Z"))).toBe(false);
    expect(isOverdue(newYork, new Date("2026-12-04T23:00:00Z"))).toBe(true);
  });
});

test("dates are said in words", () => {
  const now = new Date("2026-12-04T07:00:00Z");
  expect(dueText(due("2026-12-04T08:00:00Z"), now)).toMatch(/^Today, 0?9:00/);
  expect(dueText(due("2026-12-04T23:00:00Z", { all_day: true }), now)).toBe("Tomorrow");
  expect(dueText(due("2026-12-24T08:00:00Z", { all_day: true }), now)).toMatch(/Thu.*Dec/);
  expect(dueText(due("2027-01-24T08:00:00Z", { all_day: true }), now)).toMatch(/2027/);
  expect([isOverdue(due("2026-12-04T06:59:00Z"), now), isOverdue(due("2026-12-04T07:01:00Z"), now)]).toEqual([true, false]);
});

test.each([
  ["FREQ=DAILY", "every day"],
  ["FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "every weekday"],
  ["FREQ=WEEKLY;BYDAY=FR", "every week on Fri"],
  ["FREQ=MONTHLY;INTERVAL=2", "every 2 months"],
])("%s is %s", (rule, words) => expect(recurrenceText(rule)).toBe(words));
