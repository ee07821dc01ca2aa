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
  duration: (milliseconds: number) => string;
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
  return {
    tag,
    direction: RIGHT_TO_LEFT.has(tag.split("-")[0] ?? "") ? "rtl" : "ltr",
    text,
    duration: (milliseconds) => {
      const seconds = Math.max(0, milliseconds) / 1_000;
      if (seconds < 60) return text("seconds", { n: seconds < 10 ? Number(seconds.toFixed(1)) : Math.round(seconds) });
      return text("minutes", { m: Math.floor(seconds / 60), s: Math.round(seconds % 60) });
    },
    time: (iso) => formatDate(iso, tag, { hour: "numeric", minute: "2-digit" }),
    dateTime: (iso) => formatDate(iso, tag, { dateStyle: "full", timeStyle: "short" }),
  };
}

function formatDate(iso: string, tag: string, options: Intl.DateTimeFormatOptions): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "" : new Intl.DateTimeFormat(tag, options).format(date);
}
