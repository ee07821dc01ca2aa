"use client";

import { Skeleton } from "@/components/ui/skeleton";

import { DayChart } from "./day-chart";
import { Failure } from "./report-table";
import { dollars } from "./shown-text";
import { useReport, type Page } from "./use-report";

/** Runs, failures and cost over the last thirty days, of all users or of one. */
export function DayCharts({ userId }: { userId?: string }) {
  const { data, failure } = useReport<Page>(`/usage?by=day${userId === undefined ? "" : `&user_id=${encodeURIComponent(userId)}`}`);
  if (failure !== null) return <Failure text={failure} />;
  if (data === undefined) return <Skeleton className="h-32" />;
  const isPriced = data.data.every((row) => row.cost_usd !== null);
  return (
    <div className="grid gap-3 sm:grid-cols-3">
      <DayChart label="Runs" rows={data.data} name="runs" />
      <DayChart label="Failed runs" rows={data.data} name="failed" className="text-destructive" />
      <div>
        <DayChart label="Cost" rows={data.data} name="cost_usd" format={dollars} />
        {!isPriced && <p className="text-muted-foreground mt-1 text-xs">Some models have no price (MODEL_PRICES): their runs are not in it.</p>}
      </div>
    </div>
  );
}
