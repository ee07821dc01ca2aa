import { expect, test } from "vitest";

import { trustedOrigins } from "./auth-options";

test("on one's own machine both names of it are trusted, elsewhere only the one", () => {
  expect(trustedOrigins("http://127.0.0.1:3000")).toEqual(["http://localhost:3000", "http://127.0.0.1:3000"]);
  expect(trustedOrigins("https://natter.example")).toEqual(["https://natter.example"]);
});
