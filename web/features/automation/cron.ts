/** Rhythms: from the fields of a form to a cron expression, and from one to words. */
export type Repeat = "once" | "daily" | "weekdays" | "weekly" | "monthly" | "cron";
export type Rhythm = Readonly<{ repeat: Repeat; time: string; weekday: string; day: string; cron: string }>;

export const REPEATS: readonly (readonly [Repeat, string])[] = [
  ["once", "Once"],
  ["daily", "Every day"],
  ["weekdays", "Every weekday"],
  ["weekly", "Every week"],
  ["monthly", "Every month"],
  ["cron", "As a cron expression"],
];
const CODES = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/** Monday first. */
export const WEEKDAYS: readonly string[] = [...CODES.slice(1), "SUN"];

/** Null where the turn is to begin once. */
export function cronOf({ repeat, time, weekday, day, cron }: Rhythm): string | null {
  const [hours = 9, minutes = 0] = time === "" ? [] : time.split(":").map(Number);
  const at = `${minutes} ${hours}`;
  switch (repeat) {
    case "once":
      return null;
    case "daily":
      return `${at} * * *`;
    case "weekdays":
      return `${at} * * MON-FRI`;
    case "weekly":
      return `${at} * * ${weekday}`;
    case "monthly":
      return `${at} ${day} * *`;
    case "cron":
      return cron.trim().replace(/\s+/g, " ");
  }
}

/** Such as “Every Friday at 09:00”; what has no short words is shown as it is. */
export function cronText(cron: string): string {
  const [minute = "", hour = "", day, month, weekday = ""] = cron.toUpperCase().split(" ");
  const isPlain = /^\d+$/.test(minute) && /^\d+$/.test(hour) && month === "*";
  if (!isPlain) return `Cron: ${cron}`;
  const at = `at ${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`;
  if (day === "*" && weekday === "*") return `Every day ${at}`;
  if (day === "*" && (weekday === "MON-FRI" || weekday === "1-5")) return `Every weekday ${at}`;
  const code = CODES[Number(weekday) % 7] ?? weekday;
  if (day === "*" && CODES.includes(code)) return `Every ${weekdayName(code)} ${at}`;
  if (weekday === "*" && /^\d+$/.test(day ?? "")) return `On day ${day} of every month ${at}`;
  return `Cron: ${cron}`;
}

export function weekdayName(code: string): string {
  // 7 January 2024 was a Sunday.
  const day = new Date(Date.UTC(2024, 0, 7 + CODES.indexOf(code)));
  return new Intl.DateTimeFormat(undefined, { weekday: "long", timeZone: "UTC" }).format(day);
}

/** What this browser's clock on the wall shows, with its offset; null for what is no day or no hour. */
export function instantOf(date: string, time: string): string | null {
  const at = new Date(`${date}T${time === "" ? "09:00" : time}`);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}

export const zoneHere = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;
