import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { accountText } from "./account-text";
import { errorText, SERVICE_TEXT } from "./error-text";

test("the code decides, then the status, and there is always a text", () => {
  expect(errorText({ code: "conversation_busy", status: 409 })).toMatch(/still being written/);
  expect(errorText({ code: "of_the_future", status: 403 })).toBe("This belongs to someone else.");
  expect(errorText({})).toBe("Something went wrong. Try again.");
});

test("every code of contracts has a text, and no text is for a code that does not exist", () => {
  const schema = join(import.meta.dirname, "../../contracts/typescript/browser.schema.json");
  const codes: string[] = JSON.parse(readFileSync(schema, "utf-8")).$defs.Code.enum;
  expect(Object.keys(SERVICE_TEXT).sort()).toEqual([...codes].sort());
  for (const code of codes) expect(errorText({ code }).length, code).toBeGreaterThan(10);
});

test("accounts have texts of their own, and the others", () => {
  expect(accountText({ code: "INVALID_PASSWORD" })).toMatch(/current password/);
  expect(accountText({ code: "rate_limited", status: 429 })).toBe(errorText({ code: "rate_limited" }));
});
