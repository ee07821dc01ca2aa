"use client";

import { useRouter, useSearchParams } from "next/navigation";
import { useState } from "react";

import { Button } from "@/components/ui/button";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/components/ui/tabs";
import { call } from "@/lib/http";

import { columns } from "./columns";
import { DayCharts } from "./day-charts";
import { Figures } from "./figures";
import { ReportTable, type Column } from "./report-table";
import { shownText } from "./shown-text";
import { OPERATOR_URL, textOf, useReport, useRows, type Page, type Row } from "./use-report";
import { UsersTab } from "./users-tab";

type Overview = Readonly<{ runs: Row; failures: readonly Row[] }>;
type By = "user" | "assistant" | "model" | "day";

const TABS = [
  ["overview", "Overview", OverviewTab],
  ["users", "Users", UsersTab],
  ["runs", "Runs", RunsTab],
  ["usage", "Usage", UsageTab],
  ["dead-letters", "Dead letters", DeadLettersTab],
] as const;
const STATES = ["queued", "running", "waiting", "enqueued", "unleased", "outbox"] as const;
const FAILURES = columns("code:Code", "assistant_id:Assistant", "runs:Runs", "last_at:Last", "last_run_id:Last run");
const RUNS = columns("run_id:Run", "user_id:User", "assistant_id:Assistant", "status:State", "error_code:Code", "model:Model", "total_tokens:Tokens", "created_at:Begun");
const LETTERS = columns("sequence:Number", "service:For", "message:Message", "code:Code", "detail:Why", "deliveries_count:Deliveries");
const BYS: readonly By[] = ["day", "user", "assistant", "model"];

/** Figures, runs, users and dead letters over all users; nothing that anybody said. The address says which tab it is. */
export function OperatorView() {
  const router = useRouter();
  const asked = useSearchParams().get("tab");
  const tab = TABS.some(([name]) => name === asked) ? String(asked) : "overview";
  return (
    <Tabs value={tab} onValueChange={(name) => router.replace(`/operator?tab=${name}`, { scroll: false })} className="gap-4">
      <TabsList className="h-auto flex-wrap">
        {TABS.map(([name, label]) => (
          <TabsTrigger key={name} value={name}>
            {label}
          </TabsTrigger>
        ))}
      </TabsList>
      {TABS.map(([name, , Content]) => (
        <TabsContent key={name} value={name} className="grid grid-cols-1 gap-4">
          <Content />
        </TabsContent>
      ))}
    </Tabs>
  );
}

function OverviewTab() {
  const { data, failure } = useReport<Overview>("/overview");
  return (
    <>
      <h2 className="font-semibold">Runs that are not finished</h2>
      <Figures label="Runs that are not finished" figures={STATES.map((state) => [state, data ? shownText(data.runs[state] ?? 0) : "–"])} />
      <h2 className="font-semibold">The last 30 days</h2>
      <DayCharts />
      <h2 className="font-semibold">Failures of the last 7 days</h2>
      <ReportTable label="Failures" columns={FAILURES} rows={data?.failures} failure={failure} empty="No run has failed." />
    </>
  );
}

function RunsTab() {
  const [status, setStatus] = useState("");
  const found = useRows(`/recent-runs${status && `?status=${status}`}`);
  return (
    <>
      <Choice label="State" value={status} onChange={setStatus} options={["", "queued", "running", "waiting", "completed", "failed", "cancelled"]} />
      <ReportTable label="Runs" columns={RUNS} {...found} empty="There are no such runs." />
    </>
  );
}

function UsageTab() {
  const [by, setBy] = useState<string>("day");
  const { data, failure } = useReport<Page>(`/usage?by=${by}`);
  const shown: Column[] = [
    ...columns(`${by}:${by.charAt(0).toUpperCase()}${by.slice(1)}`, "runs:Runs", "failed:Failed", "input_tokens:Tokens in"),
    { name: "output_tokens", label: "Tokens out", isBar: true },
    { name: "cost_usd", label: "Cost (USD)" },
  ];
  return (
    <>
      <Choice label="For each" value={by} onChange={setBy} options={BYS} />
      <ReportTable label="Usage" columns={shown} rows={data?.data} failure={failure} empty="Nothing was used in 30 days." />
    </>
  );
}

function DeadLettersTab() {
  const { data, failure, reload } = useReport<Page>("/dead-letters");
  const [said, setSaid] = useState("");
  const [isBusy, setBusy] = useState(false);

  async function replay(sequence: unknown) {
    setBusy(true);
    try {
      await call("POST", `${OPERATOR_URL}/dead-letters/${String(sequence)}/replay`);
      setSaid(`Dead letter ${String(sequence)} was sent again.`);
    } catch (error) {
      setSaid(textOf(error));
    }
    await reload(); // one that another operator has replayed is not shown any more either
    setBusy(false);
  }

  const replayColumn: Column = {
    name: "replay",
    label: "",
    show: ({ sequence }) => (
      <Button size="sm" variant="outline" disabled={isBusy} onClick={() => replay(sequence)} aria-label={`Replay ${String(sequence)}`}>
        Replay
      </Button>
    ),
  };
  return (
    <>
      <p role="status" className="text-sm empty:hidden">
        {said}
      </p>
      <ReportTable label="Dead letters" columns={[...LETTERS, replayColumn]} rows={data?.data} failure={failure} empty="There are no dead letters." />
    </>
  );
}

type ChoiceProps = Readonly<{ label: string; value: string; options: readonly string[]; onChange: (value: string) => void }>;

function Choice({ label, value, options, onChange }: ChoiceProps) {
  return (
    <label className="flex items-center gap-2 text-sm">
      {label}
      <select
        className="border-input bg-background focus-visible:ring-ring/50 h-9 rounded-md border px-2 outline-none focus-visible:ring-[3px]"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      >
        {options.map((option) => (
          <option key={option} value={option}>
            {option || "all"}
          </option>
        ))}
      </select>
    </label>
  );
}
