import { describe, expect, test } from "vitest";

import type { Conversation } from "./conversation-api";
import { groupByDay, mergeFirstPage, relativeTime } from "./groups";

const NOW = new Date(2026, 2, 30, 9, 15);

function at(id: string, ...[month, day, hour = 12]: [number, number, number?]): Conversation {
  const time = new Date(2026, month - 1, day, hour).toISOString();
  return { id, title: id, created_at: time, updated_at: time, active_run_id: null, pinned_at: null, archived_at: null } as Conversation;
}

test("conversations are grouped by day, over a change of the clock and of the year", () => {
  const list = [at("a", 3, 30, 1), at("b", 3, 29, 23), at("c", 3, 28), at("d", 3, 23), at("e", 3, 22), at("f", 2, 1), at("g", -3, 1)];
  const groups = groupByDay(list, NOW).map(({ label, conversations }) => [label, conversations.map(({ id }) => id).join("")]);
  expect(groups).toEqual([
    ["Today", "a"],
    ["Yesterday", "b"],
    ["Previous 7 days", "cd"],
    ["March", "e"],
    ["February", "f"],
    ["September 2025", "g"],
  ]);
});

test.each([
  [30, "now"],
  [60 * 5, "5 min"],
  [3_600 * 3 + 5, "3 h"],
  [86_400 * 2, "2 d"],
  [86_400 * 20, "Mar 10"],
])("%i seconds ago is %s", (seconds, expected) => {
  expect(relativeTime(new Date(NOW.getTime() - seconds * 1_000).toISOString(), NOW)).toBe(expected);
});

describe("a list that is read again", () => {
  const known = [at("a", 3, 30), at("b", 3, 29), at("c", 3, 10), at("d", 3, 9)];

  test("keeps what was loaded behind its first page", () => {
    const merged = mergeFirstPage(known, [at("b", 3, 30, 8), at("c", 3, 10)], true);
    expect(merged.map(({ id }) => id)).toEqual(["b", "c", "d"]);
  });

  test("is what there is where there is no more", () => {
    expect(mergeFirstPage(known, [at("c", 3, 10)], false).map(({ id }) => id)).toEqual(["c"]);
  });
});
