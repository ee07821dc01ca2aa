"use client";

/** What the lists of this page have in common: loading, failing, empty, and a row. */
import { TriangleAlert, type LucideIcon } from "lucide-react";

import { EmptyState } from "@/components/empty-state";
import { Alert, AlertDescription } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";

type ListProps<Row> = Readonly<{
  label: string;
  rows: readonly Row[] | undefined;
  failure: string | null;
  onRetry: () => void;
  empty: { icon: LucideIcon; title: string; text: string };
  children: (row: Row) => React.ReactNode;
}>;

export function RowList<Row>({ label, rows, failure, onRetry, empty, children }: ListProps<Row>) {
  return (
    <>
      {failure !== null && (
        <Alert variant="destructive">
          <TriangleAlert />
          <AlertDescription>
            {failure}
            {rows === undefined && (
              <Button size="sm" variant="outline" onClick={onRetry}>
                Try again
              </Button>
            )}
          </AlertDescription>
        </Alert>
      )}
      {rows === undefined && failure === null && (
        <div role="status" aria-label={`Loading: ${label}`}>
          <Skeleton className="h-24" />
        </div>
      )}
      {rows?.length === 0 && <EmptyState {...empty} />}
      <ul aria-label={label} className="bg-card divide-y rounded-xl border empty:hidden">
        {rows?.map(children)}
      </ul>
    </>
  );
}

/** What it is, what is known of it, and what can be done. */
export function RowItem({ children, actions }: Readonly<{ children: React.ReactNode; actions: React.ReactNode }>) {
  return (
    <li className="flex flex-wrap items-start justify-between gap-3 px-4 py-3">
      <div className="grid min-w-0 flex-1 basis-60 gap-1 text-sm">{children}</div>
      <div className="flex shrink-0 flex-wrap gap-1">{actions}</div>
    </li>
  );
}

const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** A time on the clock of whoever looks. */
export function When({ at }: { at: string }) {
  return <time dateTime={at}>{WHEN.format(new Date(at))}</time>;
}
