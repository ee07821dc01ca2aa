"use client";

/** The day, the hour and the rhythm of a date, as the fields of a form. */
import { useId } from "react";

import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { NativeSelect } from "@/components/ui/native-select";

import { RECURRENCES, recurrenceText, type DueFields as Fields } from "./due";

type Props = Readonly<{ fields: Fields; onChange: (fields: Fields) => void }>;

export function DueFields({ fields, onChange }: Props) {
  const id = useId();
  const hasDate = fields.date !== "";
  const isOwnRule = fields.recurrence !== "" && RECURRENCES.every(([rule]) => rule !== fields.recurrence);
  return (
    <div className="grid gap-3 sm:grid-cols-3">
      <Field label="Due date" htmlFor={`${id}-date`}>
        <Input
          id={`${id}-date`}
          type="date"
          min="2000-01-01"
          max="2199-12-31"
          value={fields.date}
          onChange={({ target }) => onChange(target.value === "" ? NO_FIELDS : { ...fields, date: target.value })}
        />
      </Field>
      <Field label="Time" htmlFor={`${id}-time`}>
        <Input
          id={`${id}-time`}
          type="time"
          disabled={!hasDate}
          value={fields.time}
          onChange={({ target }) => onChange({ ...fields, time: target.value })}
        />
      </Field>
      <Field label="Repeat" htmlFor={`${id}-repeat`}>
        <NativeSelect
          id={`${id}-repeat`}
          disabled={!hasDate}
          value={fields.recurrence}
          onChange={({ target }) => onChange({ ...fields, recurrence: target.value })}
        >
          {isOwnRule && <option value={fields.recurrence}>{recurrenceText(fields.recurrence)}</option>}
          {RECURRENCES.map(([rule, label]) => (
            <option key={rule} value={rule}>
              {label}
            </option>
          ))}
        </NativeSelect>
      </Field>
    </div>
  );
}

export const NO_FIELDS: Fields = { date: "", time: "", recurrence: "" };

function Field({ label, htmlFor, children }: Readonly<{ label: string; htmlFor: string; children: React.ReactNode }>) {
  return (
    <div className="grid gap-1.5">
      <Label htmlFor={htmlFor}>{label}</Label>
      {children}
    </div>
  );
}
