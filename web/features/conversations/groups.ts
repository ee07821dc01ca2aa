/** Groups conversations by day, and says how long ago they changed. */
import type { Conversation } from "./conversation-api";

export type Group = Readonly<{ label: string; conversations: readonly Conversation[] }>;

const DAYS_PREVIOUS = 7;
const MONTH = new Intl.DateTimeFormat("en", { month: "long" });
const MONTH_AND_YEAR = new Intl.DateTimeFormat("en", { month: "long", year: "numeric" });
const DATE = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });

/** The conversations by the day of their last change: today, yesterday, the days before, months. Order is kept. */
export function groupByDay(conversations: readonly Conversation[], now: Date): Group[] {
  const groups: { label: string; conversations: Conversation[] }[] = [];
  for (const conversation of conversations) {
    const label = labelOf(new Date(conversation.updated_at), now);
    const last = groups.at(-1);
    if (last?.label === label) last.conversations.push(conversation);
    else groups.push({ label, conversations: [conversation] });
  }
  return groups;
}

function labelOf(time: Date, now: Date): string {
  const days = daysBetween(time, now);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days <= DAYS_PREVIOUS) return "Previous 7 days";
  return (time.getFullYear() === now.getFullYear() ? MONTH : MONTH_AND_YEAR).format(time);
}

/** Days of the calendar between two times. Not hours divided by 24: a day with a clock change has 23 or 25. */
function daysBetween(time: Date, now: Date): number {
  const midnight = (date: Date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((midnight(now) - midnight(time)) / 86_400_000);
}

/** "now", "5 min", "3 h", "2 d", then the date. */
export function relativeTime(iso: string, now: Date): string {
  const time = new Date(iso);
  const minutes = Math.floor((now.getTime() - time.getTime()) / 60_000);
  if (minutes < 1) return "now";
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h`;
  const days = daysBetween(time, now);
  return days <= DAYS_PREVIOUS ? `${days} d` : DATE.format(time);
}

/** Puts the first page, as it is now, before what was loaded earlier. Conversations that it misses were deleted or moved. */
export function mergeFirstPage(
  known: readonly Conversation[],
  first: readonly Conversation[],
  hasMore: boolean,
): Conversation[] {
  const last = first.at(-1);
  if (!hasMore || last === undefined) return [...first];
  const ids = new Set(first.map(({ id }) => id));
  const older = known.filter(({ id, updated_at }) => !ids.has(id) && Date.parse(updated_at) <= Date.parse(last.updated_at));
  return [...first, ...older];
}
