"use client";

import Link from "next/link";

import { Badge } from "@/components/ui/badge";
import { Skeleton } from "@/components/ui/skeleton";

import { columns } from "./columns";
import { Conversations } from "./conversations";
import { DayCharts } from "./day-charts";
import { Figures } from "./figures";
import { Failure, ReportTable } from "./report-table";
import { megabytes, shownText } from "./shown-text";
import { useReport, useRows, type Page, type Row } from "./use-report";

type User = Row & Readonly<{ account: Row | null; limits?: Row; runs_by_state?: Row }>;

const USAGE = ["runs:Runs", "failed:Failed", "input_tokens:Tokens in", "output_tokens:Tokens out", "cost_usd:Cost (USD)"];
const RUNS = columns("run_id:Run", "assistant_id:Assistant", "status:State", "error_code:Code", "model:Model", "total_tokens:Tokens", "created_at:Begun");
const LIMITS = columns("what:Limit", "today:Used today", "per_day:A day", "month:Used this month", "per_month:A month");
const STATES = ["queued", "running", "waiting", "completed", "failed", "cancelled"] as const;

/** What one user has and uses; nothing that they said. */
export function UserView({ userId }: { userId: string }) {
  const { data: user, failure } = useReport<User>(`/users/${encodeURIComponent(userId)}`);
  if (failure !== null) return <Failure text={failure} />;
  if (user === undefined) return <Skeleton className="h-64" />;
  return (
    <>
      <Account userId={userId} account={user.account} />
      <Stored user={user} />
      {user.created_at === undefined ? (
        <p className="text-muted-foreground text-sm">This user has written nothing yet.</p>
      ) : (
        <Usage userId={userId} user={user} />
      )}
      <Link href="/operator?tab=users" className="w-fit text-sm underline underline-offset-4">
        All users
      </Link>
    </>
  );
}

function Account({ userId, account }: { userId: string; account: Row | null }) {
  return (
    <div className="grid gap-1">
      {account !== null && (
        <p className="flex flex-wrap items-center gap-2">
          <span className="font-semibold">{shownText(account.name)}</span>
          <span className="break-all">{shownText(account.email)}</span>
          <Badge variant="secondary">{account.is_email_confirmed ? "E-mail confirmed" : "E-mail not confirmed"}</Badge>
          {account.role !== null && <Badge>{shownText(account.role)}</Badge>}
        </p>
      )}
      <p className="text-muted-foreground text-sm break-all">{userId}</p>
      {account === null && <p className="text-sm">There is no such account here: it was deleted, or their tokens come from elsewhere.</p>}
    </div>
  );
}

function Stored({ user }: { user: User }) {
  const { account } = user;
  return (
    <Figures
      isWide
      label="Account"
      figures={[
        ["Signed up", shownText(account?.created_at ?? user.created_at)],
        ["Last message", shownText(user.last_turn_at)],
        ["Last seen in the web app", shownText(account?.last_session_at)],
        ["Open sessions", shownText(account?.sessions)],
        ["Signed out everywhere", shownText(user.signed_out_before)],
        ["Conversations", shownText(user.conversations)],
        ["Messages", shownText(user.messages)],
        ["Todos", shownText(user.tasks)],
        ["Files", `${shownText(user.files)} (${megabytes(user.file_bytes)})`],
        ["Connected accounts", shownText(user.connections)],
        ["Schedules", shownText(user.schedules)],
        ["Webhooks", shownText(user.webhooks)],
      ]}
    />
  );
}

function Usage({ userId, user }: { userId: string; user: User }) {
  const of = `user_id=${encodeURIComponent(userId)}`;
  const byAssistant = useReport<Page>(`/usage?by=assistant&${of}`);
  const byModel = useReport<Page>(`/usage?by=model&${of}`);
  const runs = useRows(`/recent-runs?${of}`);
  return (
    <>
      <h2 className="font-semibold">Runs by state</h2>
      <Figures label="Runs by state" figures={STATES.map((state) => [state, shownText(user.runs_by_state?.[state] ?? 0)])} />
      <h2 className="font-semibold">The last 30 days</h2>
      <DayCharts userId={userId} />
      <ReportTable label="Usage by assistant" columns={columns("assistant:Assistant", ...USAGE)} rows={byAssistant.data?.data} failure={byAssistant.failure} empty="Nothing was used." />
      <ReportTable label="Usage by model" columns={columns("model:Model", ...USAGE)} rows={byModel.data?.data} failure={byModel.failure} empty="Nothing was used." />
      <h2 className="font-semibold">Limits</h2>
      <ReportTable label="Limits" columns={LIMITS} rows={limitsOf(user)} failure={null} empty="" />
      <h2 className="font-semibold">Conversations</h2>
      <Conversations userId={userId} />
      <h2 className="font-semibold">Runs</h2>
      <ReportTable label="Runs" columns={RUNS} {...runs} empty="There are no runs." />
    </>
  );
}

/** What is not limited says so. Cost is summed up above, by the prices that hold today. */
function limitsOf({ limits = {}, ...user }: User): Row[] {
  const may = (name: string) => limits[name] ?? "no limit";
  return [
    { what: "Runs", today: user.runs_today, per_day: may("runs_per_day"), month: user.runs_this_month, per_month: may("runs_per_month") },
    { what: "Tokens", today: user.tokens_today, per_day: may("tokens_per_day"), month: user.tokens_this_month, per_month: may("tokens_per_month") },
    { what: "Cost (USD)", per_day: may("cost_per_day"), per_month: may("cost_per_month") },
  ];
}
