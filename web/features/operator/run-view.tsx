"use client";

import Link from "next/link";

import { Skeleton } from "@/components/ui/skeleton";

import { UserLink } from "./columns";
import { Figures } from "./figures";
import { Failure, ReportTable, type Column } from "./report-table";
import { secondsBetween, shownText } from "./shown-text";
import { useReport, type Row } from "./use-report";

const CALLS: readonly Column[] = [
  { name: "name", label: "Tool" },
  { name: "status", label: "State" },
  { name: "epoch", label: "Attempt" },
  { name: "begun_at", label: "Begun" },
  { name: "took", label: "Took", show: (row) => secondsBetween(row.begun_at, row.finished_at) },
];

/** What became of one run, without what was said in it. */
export function RunView({ runId }: { runId: string }) {
  const { data: run, failure } = useReport<Row>(`/recent-runs/${encodeURIComponent(runId)}`);
  if (failure !== null) return <Failure text={failure} />;
  if (run === undefined) return <Skeleton className="h-64" />;
  const usage = (run.usage ?? {}) as Row;
  return (
    <>
      <p className="text-muted-foreground text-sm break-all">{runId}</p>
      <Figures
        isWide
        label="Run"
        figures={[
          ["User", <UserLink key="user" row={run} userId={run.user_id} />],
          ["Conversation", shownText(run.conversation_id)],
          ["Assistant", [run.assistant_id, run.agent_name].filter(Boolean).join(" · ")],
          ["State", run.cancel_requested ? `${shownText(run.status)} (Stop was pressed)` : shownText(run.status)],
          ["Failure", shownText(run.error_code)],
          ["Why", shownText(run.error_detail)],
          ["Model", shownText(run.model)],
          ["Tokens in", shownText(usage.input_tokens)],
          ["Tokens out", shownText(usage.output_tokens)],
          ["Begun", shownText(run.created_at)],
          ["Waited for a runner", secondsBetween(run.created_at, run.started_at)],
          ["Worked", secondsBetween(run.started_at, run.finished_at)],
          ["Waited for the user", `${shownText(run.seconds_waited)} s in ${shownText(run.waits_count)}`],
          ["Attempts", shownText(run.epoch)],
          ["Runner", shownText(run.runner_id)],
          ["Stalls", shownText(run.stalls_count)],
          ["Schedule", shownText(run.schedule_id)],
          ["Trace", shownText(run.trace_id)],
        ]}
      />
      <h2 className="font-semibold">Tool calls</h2>
      <ReportTable label="Tool calls" columns={CALLS} rows={(run.tool_calls ?? []) as Row[]} failure={null} empty="It has called no tool." />
      <Link href="/operator?tab=runs" className="w-fit text-sm underline underline-offset-4">
        All runs
      </Link>
    </>
  );
}
