/** Chooses texts by locale, and writes durations and times in it. */

import { ar } from "./locales/ar";
import { en, type TextKey, type Texts } from "./locales/en";
import { ur } from "./locales/ur";

const REGISTERED = new Map<string, Partial<Texts>>([
  ["en", en],
  ["ar", ar],
  ["ur", ur],
]);
const RIGHT_TO_LEFT = new Set(["ar", "ur", "fa", "he", "ps", "sd", "ug", "yi", "dv", "ckb"]);

/** Adds a language, or replaces one. `tag` is a BCP 47 tag such as `de` or `pt-BR`; missing texts stay English. */
export function registerLocale(tag: string, texts: Partial<Texts>): void {
  REGISTERED.set(tag.toLowerCase(), texts);
}

export interface Locale {
  tag: string;
  direction: "ltr" | "rtl";
  text: (key: TextKey, values?: Record<string, string | number>) => string;
  /** Of whole seconds. */
  duration: (seconds: number) => string;
  /** Of bytes, in the unit that people would choose. */
  fileSize: (bytes: number) => string;
  time: (iso: string) => string;
  dateTime: (iso: string) => string;
}

/** The most specific registered language of the tag, or English. */
export function chooseLocale(requested: string | undefined): Locale {
  const wanted = (requested || navigator.language || "en").toLowerCase();
  const language = wanted.split("-")[0] ?? "en";
  const tag = [wanted, language].find((candidate) => REGISTERED.has(candidate)) ?? "en";
  const texts: Texts = { ...en, ...REGISTERED.get(tag) };
  const text: Locale["text"] = (key, values = {}) =>
    texts[key].replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
  // Making a formatter costs more than drawing the message whose time it formats.
  const timeFormat = new Intl.DateTimeFormat(tag, { hour: "numeric", minute: "2-digit" });
  const dateTimeFormat = new Intl.DateTimeFormat(tag, { dateStyle: "full", timeStyle: "short" });
  return {
    tag,
    direction: RIGHT_TO_LEFT.has(tag.split("-")[0] ?? "") ? "rtl" : "ltr",
    text,
    duration: (seconds) =>
      seconds < 60 ? text("seconds", { n: seconds }) : text("minutes", { m: Math.floor(seconds / 60), s: seconds % 60 }),
    fileSize: (bytes) => fileSize(tag, bytes),
    time: (iso) => format(timeFormat, iso),
    dateTime: (iso) => format(dateTimeFormat, iso),
  };
}

const SIZE_UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

function fileSize(tag: string, bytes: number): string {
  const power = Math.min(SIZE_UNITS.length - 1, Math.floor(Math.log(Math.max(1, bytes)) / Math.log(1024)));
  const format = { style: "unit", unit: SIZE_UNITS[power] as string, unitDisplay: power > 0 ? "short" : "long", maximumFractionDigits: power > 1 ? 1 : 0 } as const;
  return new Intl.NumberFormat(tag, format).format(bytes / 1024 ** power);
}

function format(formatter: Intl.DateTimeFormat, iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "" : formatter.format(date);
}
