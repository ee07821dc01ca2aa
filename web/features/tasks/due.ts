/** When a task is due, in words, and as the fields of a form: in the time zone of this browser. */
import type { Due } from "./task-api";

export type DueFields = Readonly<{ date: string; time: string; recurrence: string }>;

export const RECURRENCES: readonly (readonly [string, string])[] = [
  ["", "Does not repeat"],
  ["FREQ=DAILY", "Every day"],
  ["FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "Every weekday"],
  ["FREQ=WEEKLY", "Every week"],
  ["FREQ=MONTHLY", "Every month"],
  ["FREQ=YEARLY", "Every year"],
];

const UNITS: Readonly<Record<string, string>> = { DAILY: "day", WEEKLY: "week", MONTHLY: "month", YEARLY: "year" };
const WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/** The rule in words, such as “every week on Fri”. */
export function recurrenceText(rule: string): string {
  const known = RECURRENCES.find(([value]) => value === rule && value !== "");
  if (known) return known[1].toLowerCase();
  const parts = Object.fromEntries(rule.split(";").map((part) => part.split("=") as [string, string]));
  const unit = UNITS[parts.FREQ ?? ""] ?? "time";
  const every = parts.INTERVAL ? `every ${parts.INTERVAL} ${unit}s` : `every ${unit}`;
  return parts.BYDAY ? `${every} on ${parts.BYDAY.split(",").map(weekdayName).join(", ")}` : every;
}

function weekdayName(code: string): string {
  // 1 January 2024 was a Monday.
  const day = new Date(Date.UTC(2024, 0, 1 + WEEKDAYS.indexOf(code)));
  return new Intl.DateTimeFormat(undefined, { weekday: "short", timeZone: "UTC" }).format(day);
}

/** Of a whole day the zone is the one in which it was meant: the 4th is the 4th wherever one reads it. */
function dayOf(due: Due): string {
  return localDay(new Date(due.at), due.all_day ? due.zone : undefined);
}

/** `2026-12-04`: a day of the calendar in that zone, else in this browser's. */
function localDay(at: Date, timeZone?: string): string {
  const options = { year: "numeric", month: "2-digit", day: "2-digit", ...(timeZone ? { timeZone } : {}) } as const;
  return new Intl.DateTimeFormat("en-CA", options).format(at);
}

export function isOverdue(due: Due, now: Date): boolean {
  return due.all_day ? dayOf(due) < localDay(now) : Date.parse(due.at) < now.getTime();
}

/** Such as “Today, 09:00”, “Fri, 4 Dec” or, of another year, “4 Jan 2027”. */
export function dueText(due: Due, now: Date): string {
  const day = dayOf(due);
  const tomorrow = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
  const time = due.all_day ? "" : `, ${new Intl.DateTimeFormat(undefined, { timeStyle: "short" }).format(new Date(due.at))}`;
  if (day === localDay(now)) return `Today${time}`;
  if (day === localDay(tomorrow)) return `Tomorrow${time}`;
  const isThisYear = day.slice(0, 4) === String(now.getFullYear());
  const options = isThisYear ? ({ weekday: "short" } as const) : ({ year: "numeric" } as const);
  const shown = new Date(`${day}T12:00:00Z`);
  return new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC", ...options }).format(shown) + time;
}

export function dueFields(due: Due | null): DueFields {
  if (due === null) return { date: "", time: "", recurrence: "" };
  const at = new Date(due.at);
  const time = due.all_day ? "" : [at.getHours(), at.getMinutes()].map((part) => String(part).padStart(2, "0")).join(":");
  return { date: dayOf(due), time, recurrence: due.recurrence ?? "" };
}

/** Null without a date. An hour that this day does not have, because the clocks change, is moved on by as much. */
export function dueOf({ date, time, recurrence }: DueFields): Due | null {
  const [year, month, day] = date.split("-").map(Number);
  if (year === undefined || month === undefined || day === undefined) return null;
  const [hours = 0, minutes = 0] = time === "" ? [] : time.split(":").map(Number);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const at = new Date(year, month - 1, day, hours, minutes);
  if (Number.isNaN(at.getTime())) return null;
  return { at: at.toISOString(), zone, all_day: time === "", recurrence: recurrence === "" ? null : recurrence };
}
