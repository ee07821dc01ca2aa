import { expect, test } from "vitest";

import { errorText } from "./error-text";

test("the code decides, then the status, and there is always a text", () => {
  expect(errorText({ code: "conversation_busy", status: 409 })).toMatch(/still being written/);
  expect(errorText({ code: "of_the_future", status: 403 })).toBe("This belongs to someone else.");
  expect(errorText({})).toBe("Something went wrong. Try again.");
});
