"use client";

import { useCallback, useEffect, useState } from "react";

import { errorText } from "@/lib/error-text";
import { call, CallError } from "@/lib/http";

export type Row = Readonly<Record<string, unknown>>;
export const OPERATOR_URL = "/api/operator";

/** What auth_edge answers an operator at this path; `reload` asks again. Each look at users is audited there. */
export function useReport<Answer>(path: string) {
  const [answer, setAnswer] = useState<{ path: string; data: Answer }>();
  const [failure, setFailure] = useState<string | null>(null);
  const reload = useCallback(async () => {
    try {
      setAnswer({ path, data: await call<Answer>("GET", `${OPERATOR_URL}${path}`) });
      setFailure(null);
    } catch (error) {
      setFailure(errorText(error instanceof CallError ? error : {}));
    }
  }, [path]);
  useEffect(() => {
    // eslint-disable-next-line react-hooks/set-state-in-effect -- what it sets comes with the answer, not in the effect
    void reload();
  }, [reload]);
  return { data: answer?.path === path ? answer.data : undefined, failure, reload };
}
