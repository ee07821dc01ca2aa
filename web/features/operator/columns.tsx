"use client";

import Link from "next/link";

import type { Column } from "./report-table";
import { shownText } from "./shown-text";
import type { Row } from "./use-report";

const LINK = "focus-visible:ring-ring/50 rounded-sm font-medium underline underline-offset-4 outline-none focus-visible:ring-[3px]";

/** From `name:Label`. A column of a user's or a run's id leads to its page. */
export function columns(...written: string[]): Column[] {
  return written.map((one) => {
    const [name = "", label = ""] = one.split(":");
    if (name === "user_id" || name === "user") return { name, label, show: (row) => <UserLink row={row} userId={row[name]} /> };
    if (name.endsWith("run_id")) return { name, label, show: (row) => <RunLink runId={row[name]} /> };
    return { name, label };
  });
}

/** The person's name and address where they have an account here; their id always. */
export function UserLink({ row, userId }: { row: Row; userId: unknown }) {
  if (typeof userId !== "string") return shownText(userId);
  return (
    <Link href={`/operator/users/${encodeURIComponent(userId)}`} className={LINK} prefetch={false}>
      {typeof row.name === "string" ? `${row.name} · ${String(row.email)}` : null}
      <span className={typeof row.name === "string" ? "text-muted-foreground block text-xs font-normal" : undefined}>{userId}</span>
    </Link>
  );
}

export function RunLink({ runId }: { runId: unknown }) {
  if (typeof runId !== "string") return shownText(runId);
  return (
    <Link href={`/operator/runs/${encodeURIComponent(runId)}`} className={LINK} prefetch={false}>
      {runId}
    </Link>
  );
}
