import { expect, test } from "vitest";

import { claimsOf, trustedOrigins } from "./auth-options";

test("on one's own machine both names of it are trusted, elsewhere only the one", () => {
  expect(trustedOrigins("http://127.0.0.1:3000")).toEqual(["http://localhost:3000", "http://127.0.0.1:3000"]);
  expect(trustedOrigins("https://natter.example")).toEqual(["https://natter.example"]);
});

test("a token says of an operator that they are one, and of nobody else", () => {
  expect(claimsOf({ name: "Olga", role: "operator" })).toEqual({ name: "Olga", natter_role: "operator" });
  for (const role of [undefined, null, "user", "Operator"]) expect(claimsOf({ name: "Bob", role })).toEqual({ name: "Bob" });
});
