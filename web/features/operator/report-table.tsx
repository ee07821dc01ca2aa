"use client";

import { Alert, AlertDescription } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";

import { shownText } from "./shown-text";
import type { Row } from "./use-report";

export type Column = Readonly<{ name: string; label: string; show?: (row: Row) => React.ReactNode; isBar?: boolean }>;
type Props = Readonly<{
  label: string;
  columns: readonly Column[];
  rows: readonly Row[] | undefined;
  failure: string | null;
  empty: string;
  /** Where there are more of them. */
  more?: (() => void) | undefined;
}>;

/** Rows of a report. A column that is a bar draws its figures against the greatest of them. */
export function ReportTable({ label, columns, rows, failure, empty, more }: Props) {
  if (failure !== null) return <Failure text={failure} />;
  if (rows === undefined) return <Skeleton className="h-24" />;
  if (rows.length === 0) return <p className="text-muted-foreground text-sm">{empty}</p>;
  return (
    <>
      <div role="region" aria-label={label} tabIndex={0} className="overflow-x-auto rounded-md border">
        <table className="w-full text-sm">
          <thead>
            <tr className="bg-muted/50 border-b text-left">
              {columns.map(({ name, label: head }) => (
                <th key={name} scope="col" className="px-3 py-2 font-medium whitespace-nowrap">
                  {head || <span className="sr-only">Action</span>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody className="divide-y">
            {rows.map((row, place) => (
              <tr key={place}>
                {columns.map((column) => (
                  <td key={column.name} className="px-3 py-2 whitespace-nowrap">
                    {column.show ? column.show(row) : shownText(row[column.name])}
                    {column.isBar && <Bar value={Number(row[column.name])} max={greatest(rows, column.name)} />}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {more !== undefined && (
        <Button variant="outline" size="sm" className="w-fit" onClick={more}>
          Show more
        </Button>
      )}
    </>
  );
}

export function Failure({ text }: { text: string }) {
  return (
    <Alert variant="destructive">
      <AlertDescription>{text}</AlertDescription>
    </Alert>
  );
}

function Bar({ value, max }: { value: number; max: number }) {
  return (
    <span aria-hidden="true" className="bg-muted mt-1 block h-1.5 w-24 overflow-hidden rounded-full">
      <span className="bg-brand-text block h-full" style={{ width: `${max > 0 ? (100 * value) / max : 0}%` }} />
    </span>
  );
}

function greatest(rows: readonly Row[], name: string): number {
  return Math.max(0, ...rows.map((row) => Number(row[name]) || 0));
}
