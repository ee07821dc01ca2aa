import { cn } from "@/lib/utils";

import type { Row } from "./use-report";

const HEIGHT = 48;
const STEP = 10;
const GAP = 2;

type Props = Readonly<{
  label: string;
  /** Of the report of usage by day; a day without runs has none. */
  rows: readonly Row[];
  name: "runs" | "failed" | "cost_usd";
  days?: number;
  format?: (value: number) => string;
  className?: string;
}>;

/** A bar for each of the last days (UTC); the tab Usage has the same as a table. */
export function DayChart({ label, rows, name, days = 30, format = String, className = "text-brand-text" }: Props) {
  const bars = lastDays(days).map((day) => ({ day, value: Number(rows.find((row) => row.day === day)?.[name] ?? 0) }));
  const most = bars.reduce((best, bar) => (bar.value > best.value ? bar : best));
  const sum = bars.reduce((total, bar) => total + bar.value, 0);
  const said = sum === 0 ? `${label}: none in ${days} days` : `${label}: ${format(sum)} in ${days} days, most on ${most.day}: ${format(most.value)}`;
  return (
    <figure className="rounded-md border p-3">
      <figcaption className="flex justify-between gap-2 text-sm">
        <span className="text-muted-foreground">{label}</span>
        <span className="font-semibold tabular-nums">{format(sum)}</span>
      </figcaption>
      <svg
        role="img"
        aria-label={said}
        viewBox={`0 0 ${days * STEP} ${HEIGHT}`}
        preserveAspectRatio="none"
        className={cn("mt-2 h-16 w-full", className)}
      >
        {bars.map(({ day, value }, place) => {
          const height = most.value > 0 ? Math.max(value > 0 ? 2 : 0, (value / most.value) * (HEIGHT - 2)) : 0;
          return (
            <g key={day}>
              <title>{`${day}: ${format(value)}`}</title>
              <rect x={place * STEP} width={STEP} height={HEIGHT} fill="transparent" />
              <rect x={place * STEP + GAP / 2} y={HEIGHT - 1 - height} width={STEP - GAP} height={height} fill="currentColor" />
            </g>
          );
        })}
        <rect y={HEIGHT - 1} width={days * STEP} height={1} fill="currentColor" opacity={0.4} />
      </svg>
      <p className="text-muted-foreground mt-1 flex justify-between text-xs" aria-hidden="true">
        <span>{bars[0]?.day}</span>
        <span>{bars.at(-1)?.day}</span>
      </p>
    </figure>
  );
}

/** Oldest first, today (UTC) last, as `2026-12-01`. */
export function lastDays(days: number, now = Date.now()): string[] {
  return Array.from({ length: days }, (_, place) => new Date(now - (days - 1 - place) * 86_400_000).toISOString().slice(0, 10));
}
