import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { failureText, TEXT_BY_CODE } from "../src/text/failure-text";
import { chooseLocale, registerLocale } from "../src/text/locale";
import { TEXT_BY_HEADER_ICON } from "../src/text/header-icons";
import { ar } from "../src/text/locales/ar";
import { en } from "../src/text/locales/en";
import { ur } from "../src/text/locales/ur";

const placeholders = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();

test.each([["ar", ar], ["ur", ur]] as const)("%s has every text, with the same placeholders", (_tag, texts) => {
  expect(Object.keys(texts).sort()).toEqual(Object.keys(en).sort());
  for (const key of Object.keys(en) as (keyof typeof en)[]) {
    expect(placeholders(texts[key]), key).toEqual(placeholders(en[key]));
    expect(texts[key].trim(), key).not.toBe("");
  }
});

test("the most specific registered language is used; English otherwise", () => {
  expect(chooseLocale("ur")).toMatchObject({ tag: "ur", direction: "rtl" });
  expect(chooseLocale("ar-EG")).toMatchObject({ tag: "ar", direction: "rtl" });
  expect(chooseLocale("xx")).toMatchObject({ tag: "en", direction: "ltr" });
  registerLocale("de", { send: "Senden" });
  const german = chooseLocale("de-AT");
  expect(german.text("send")).toBe("Senden");
  expect(german.text("stop")).toBe("Stop");
});

test("durations and broken dates", () => {
  const { duration, time } = chooseLocale("en");
  expect([duration(1), duration(42), duration(60), duration(125)]).toEqual(["1 s", "42 s", "1 min 0 s", "2 min 5 s"]);
  expect(time("not a date")).toBe("");
});

test("every code with which a run may fail has words of its own", () => {
  const { $defs } = JSON.parse(readFileSync("../../contracts/typescript/browser.schema.json", "utf-8"));
  const notOfViewers = ["run_stale_epoch", "run_leased", "run_finished"]; // between runners and the store
  const codes = ($defs.Code.enum as string[]).filter((code) => /^(run|model|tool)_/.test(code) && !notOfViewers.includes(code));
  expect(codes.length).toBeGreaterThan(10);
  for (const code of codes) expect(Object.keys(en), code).toContain(TEXT_BY_CODE[code]);
});

test("every icon of the header has a name in every language", () => {
  // That every icon has one is for the compiler: the record's keys are the published type.
  const names = (tag: string) => new Set(Object.values(TEXT_BY_HEADER_ICON).map((key) => chooseLocale(tag).text(key)));
  expect(names("ar")).not.toEqual(names("en"));
  expect(names("ur").size).toBe(names("en").size);
});

test("a failure is told in the reader's language where we have words for it, else in the server's", () => {
  const failure = { code: "network", message: "The server could not be reached." };
  expect(failureText(chooseLocale("ar"), failure)).toBe(ar.errorNetwork);
  expect(failureText(chooseLocale("ar"), { code: "of_the_server", message: "Out of tea." })).toBe("Out of tea.");
});

test("sizes are in the unit that people would choose", () => {
  const { fileSize } = chooseLocale("en");
  expect([1, 999, 1024, 1536 * 1024, 100 * 1024 ** 2].map(fileSize)).toEqual(["1 byte", "999 bytes", "1 kB", "1.5 MB", "100 MB"]);
});
