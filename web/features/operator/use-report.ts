"use client";

import { useCallback, useEffect, useRef, useState } from "react";

import { errorText } from "@/lib/error-text";
import { call, CallError } from "@/lib/http";

export type Row = Readonly<Record<string, unknown>>;
export type Page = Readonly<{ data: readonly Row[]; after?: string | null }>;

export const OPERATOR_URL = "/api/operator";
/** The same, with the names of accounts beside the users' ids (server/operator-report.ts). */
const REPORTS_URL = "/operator/reports";

/** What an operator is answered at this path; `reload` asks again. Each look at users is audited there. */
export function useReport<Answer>(path: string) {
  const [answer, setAnswer] = useState<{ path: string; data: Answer }>();
  const [failure, setFailure] = useState<string | null>(null);
  const reload = useCallback(async () => {
    try {
      setAnswer({ path, data: await call<Answer>("GET", `${REPORTS_URL}${path}`) });
      setFailure(null);
    } catch (error) {
      setFailure(textOf(error));
    }
  }, [path]);
  useEffect(() => {
    // eslint-disable-next-line react-hooks/set-state-in-effect -- what it sets comes with the answer, not in the effect
    void reload();
  }, [reload]);
  return { data: answer?.path === path ? answer.data : undefined, failure, reload };
}

/** The rows of a report that has pages: those of the first, and with each `more` those of the next. */
export function useRows(path: string) {
  const { data, failure } = useReport<Page>(path);
  const [later, setLater] = useState<{ first: Page; pages: readonly Page[] }>();
  const [failureOfMore, setFailure] = useState<string | null>(null);
  const isAsking = useRef(false);
  const pages = data === undefined ? [] : [data, ...(later?.first === data ? later.pages : [])];
  const after = pages.at(-1)?.after;

  async function more() {
    if (data === undefined || !after || isAsking.current) return;
    isAsking.current = true;
    try {
      const joint = path.includes("?") ? "&" : "?";
      const next = await call<Page>("GET", `${REPORTS_URL}${path}${joint}after=${encodeURIComponent(after)}`);
      setLater({ first: data, pages: [...pages.slice(1), next] });
      setFailure(null);
    } catch (error) {
      setFailure(textOf(error));
    }
    isAsking.current = false;
  }

  return {
    rows: data === undefined ? undefined : pages.flatMap((page) => page.data),
    failure: failure ?? failureOfMore,
    more: after ? more : undefined,
  };
}

export function textOf(error: unknown): string {
  return errorText(error instanceof CallError ? error : {});
}
