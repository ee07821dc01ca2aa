/** Figures and times of reports as people read them. */

const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 4 });
const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "short" });
const TIME = /^\d{4}-\d\d-\d\dT/;
const BYTES = new Intl.NumberFormat(undefined, { style: "unit", unit: "megabyte", maximumFractionDigits: 1 });
const SECONDS = new Intl.NumberFormat(undefined, { style: "unit", unit: "second", maximumFractionDigits: 1 });
const DOLLARS = new Intl.NumberFormat(undefined, { style: "currency", currency: "USD", maximumFractionDigits: 2 });

export function shownText(value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "number") return NUMBER.format(value);
  if (typeof value === "boolean") return value ? "Yes" : "No";
  const written = String(value);
  return TIME.test(written) ? WHEN.format(new Date(written)) : written;
}

export function dollars(value: number): string {
  return DOLLARS.format(value);
}

export function megabytes(bytes: unknown): string {
  return typeof bytes === "number" ? BYTES.format(bytes / 1_000_000) : "–";
}

/** How long it was from one time to another, if both are known. */
export function secondsBetween(from: unknown, to: unknown): string {
  if (typeof from !== "string" || typeof to !== "string") return "–";
  return SECONDS.format(Math.max(0, Date.parse(to) - Date.parse(from)) / 1_000);
}
