"use client";

/** What the lists of this page have in common: loading, failing, empty, a row, and a field of a form. */
import { TriangleAlert, type LucideIcon } from "lucide-react";
import { useId } from "react";

import { EmptyState } from "@/components/empty-state";
import { Alert, AlertDescription } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Label } from "@/components/ui/label";
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

export function Field({ label, children }: Readonly<{ label: string; children: (id: string) => React.ReactNode }>) {
  const id = useId();
  return (
    <div className="grid content-start gap-1.5">
      <Label htmlFor={id}>{label}</Label>
      {children(id)}
    </div>
  );
}

type ChoicesProps<Value extends string> = Readonly<{ legend: string; name: string; choices: readonly (readonly [Value, string])[] }>;

/** Several of some; all of them at first. */
export function Choices<Value extends string>({ legend, name, choices }: ChoicesProps<Value>) {
  return (
    <fieldset className="flex flex-wrap items-center gap-x-4 gap-y-2 text-sm">
      <legend className="mb-1.5 font-medium">{legend}</legend>
      {choices.map(([value, label]) => (
        <label key={value} className="flex min-h-6 items-center gap-2">
          <input type="checkbox" name={name} value={value} defaultChecked className="accent-brand-text size-4" />
          {label}
        </label>
      ))}
    </fieldset>
  );
}
