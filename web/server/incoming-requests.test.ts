import { expect, test } from "vitest";

import { clientAddress } from "./incoming-requests";

const request = (forwarded?: string) =>
  ({ headers: { "x-forwarded-for": forwarded }, socket: { remoteAddress: "10.0.0.9" } }) as unknown as Parameters<
    typeof clientAddress
  >[0];

test("a client cannot choose its address", () => {
  expect(clientAddress(request("1.2.3.4"), false)).toBe("10.0.0.9");
});

test("behind a proxy of ours, only what that proxy added counts", () => {
  expect(clientAddress(request("6.6.6.6, 1.2.3.4"), true)).toBe("1.2.3.4");
  expect(clientAddress(request(), true)).toBe("10.0.0.9");
});
