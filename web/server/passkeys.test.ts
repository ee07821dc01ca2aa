import { expect, test } from "vitest";

import { passkeys } from "./passkeys";
import type { Settings } from "./settings";

function optionsAt(publicOrigin: string) {
  return passkeys({ publicOrigin } as Settings)[0].options;
}

test("passkeys belong to the host that people open, which on one's own machine has to have a name", () => {
  expect(optionsAt("https://natter.example")).toMatchObject({ rpID: "natter.example", origin: "https://natter.example" });
  expect(optionsAt("http://127.0.0.1:3000")).toMatchObject({ rpID: "localhost", origin: "http://localhost:3000" });
});

test("a device that did not ask who somebody is adds no passkey, and signs nobody in", async () => {
  const { registration, authentication } = optionsAt("https://natter.example") ?? {};
  const said = (userVerified: boolean) =>
    ({ verification: { registrationInfo: { userVerified }, authenticationInfo: { userVerified } } }) as never;
  for (const after of [registration?.afterVerification, authentication?.afterVerification]) {
    await expect(after?.(said(false))).rejects.toMatchObject({ body: { code: "PASSKEY_NOT_VERIFIED" } });
    await expect(after?.(said(true))).resolves.toBeUndefined();
  }
});
