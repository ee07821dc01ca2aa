import { expect, test, vi } from "vitest";

import { checkProfile, waitForStep } from "./accounts";

test.each([
  { name: "Ada Lovelace" },
  { name: "" },
  { name: "Żółć 王", image: null },
  { name: "n".repeat(100), image: "https://pictures.example/a.png" },
])("%o is a profile", (profile) => {
  expect(() => checkProfile(profile)).not.toThrow();
});

test.each([
  [{ name: "n".repeat(101) }, "INVALID_NAME"],
  [{ name: "two\nlines" }, "INVALID_NAME"],
  [{ name: "reads\u202ebackwards" }, "INVALID_NAME"],
  [{ name: { first: "Ada" } }, "INVALID_NAME"],
  [{ email: `${"e".repeat(250)}@a.b` + "c" }, "INVALID_EMAIL"],
  [{ image: "javascript:alert(1)" }, "INVALID_IMAGE"],
  [{ image: "http://10.0.0.1/a.png" }, "INVALID_IMAGE"],
  [{ image: "https://a:b@c.example/" }, "INVALID_IMAGE"],
  [{ image: `https://a.example/${"a".repeat(2_000)}` }, "INVALID_IMAGE"],
  [{ image: { src: 1 } }, "INVALID_IMAGE"],
])("%o is not", (profile, code) => {
  expect(() => checkProfile(profile)).toThrowError(expect.objectContaining({ body: expect.objectContaining({ code }) }));
});

test("an answer leaves at a multiple of half a second after its question, however long it took", async () => {
  vi.useFakeTimers();
  try {
    for (const [took, waits] of [[120, 380], [499, 1], [700, 300]] as const) {
      let isAnswered = false;
      void waitForStep(performance.now() - took).then(() => (isAnswered = true));
      await vi.advanceTimersByTimeAsync(waits - 1);
      expect(isAnswered).toBe(false);
      await vi.advanceTimersByTimeAsync(2);
      expect(isAnswered).toBe(true);
    }
  } finally {
    vi.useRealTimers();
  }
});
