import { expect, test } from "vitest";

import { namesOf, withAccounts } from "./with-accounts";

const alice = { user_id: "alice", name: "Alice", email: "alice@example.org" };
const accounts = new Map([["alice", alice]]);

test("rows of each kind are named, and those of nobody stay as they are", () => {
  const usage = { data: [{ user: "alice", runs: 1 }, { user: null, runs: 2 }, { user: "elsewhere", runs: 3 }], after: "x" };
  expect(namesOf(usage)).toEqual(["alice", "elsewhere"]);
  expect(withAccounts(usage, accounts)).toEqual({
    data: [{ user: "alice", runs: 1, name: "Alice", email: "alice@example.org" }, { user: null, runs: 2 }, { user: "elsewhere", runs: 3 }],
    after: "x",
  });
});

test("a run is a row of its own", () => {
  expect(withAccounts({ run_id: "run_1", user_id: "alice" }, accounts)).toEqual({ run_id: "run_1", ...alice });
  expect(namesOf({ reads_conversations: true })).toEqual([]);
});
