"use client";

/** A list that a page shows: read, changed, read again, and without what is being deleted. */
import { useCallback, useEffect, useState } from "react";

import { useUndo } from "@/features/undo/undo";
import { errorText } from "@/lib/error-text";
import { CallError } from "@/lib/http";

/** `load` must be the same function at each render. */
export function useRows<Row>(load: () => Promise<readonly Row[]>, idOf: (row: Row) => string) {
  const [rows, setRows] = useState<readonly Row[]>();
  // Apart: the list that is read meanwhile must not take back what is said of a change.
  const [unread, setUnread] = useState<string | null>(null);
  const [unchanged, setUnchanged] = useState<string | null>(null);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const offerUndo = useUndo();

  const reload = useCallback(async () => {
    try {
      setRows(await load());
      setUnread(null);
    } catch (error) {
      setUnread(textOf(error));
    }
  }, [load]);
  useEffect(() => {
    // eslint-disable-next-line react-hooks/set-state-in-effect -- what it sets comes with the answer, not in the effect
    void reload();
  }, [reload]);

  /** Does it and reads the list again; undefined where it failed, which is then said. */
  async function attempt<Answer>(work: () => Promise<Answer>): Promise<{ answer: Answer } | undefined> {
    try {
      const answer = await work();
      setUnchanged(null);
      await reload();
      return { answer };
    } catch (error) {
      if (error instanceof CallError && error.status === 404) await reload(); // it is gone: it is not shown either
      setUnchanged(textOf(error));
      return undefined;
    }
  }

  /** Hides it at once, and deletes it when the time for an undo is over. */
  function remove(row: Row, text: string, commit: () => Promise<unknown>): void {
    const id = idOf(row);
    const show = () => setHidden((before) => new Set([...before].filter((one) => one !== id)));
    setHidden((before) => new Set([...before, id]));
    offerUndo({ text, commit: () => void attempt(commit).then(show), undo: show });
  }

  return { rows: rows?.filter((row) => !hidden.has(idOf(row))), failure: unchanged ?? unread, reload, attempt, remove };
}

const TEXT_BY_FIELD: Readonly<Record<string, string>> = {
  cron: "This is no rhythm that Natter knows, or it comes too often. It has five fields, such as 0 9 * * FRI.",
  due_at: "This time is over, or too far ahead. Choose another one.",
  time_zone: "Natter does not know this time zone.",
  url: "An address begins with https:// and names a host.",
};

export function textOf(error: unknown): string {
  if (!(error instanceof CallError)) return errorText({});
  const field = error.field?.replace(/^body\./, "") ?? "";
  return (error.code === "invalid_request" && TEXT_BY_FIELD[field]) || errorText(error);
}
