"use client";

import { useState } from "react";

import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";

import { columns } from "./columns";
import { Failure, ReportTable, type Column } from "./report-table";
import { shownText } from "./shown-text";
import { useReport, useRows, type Row } from "./use-report";

type Overview = Readonly<{ reads_conversations: boolean }>;
type Said = Readonly<{ data: readonly Readonly<{ id: string; role: string; content: string; created_at: string }>[] }>;

const COLUMNS = columns("conversation_id:Conversation", "assistant_id:Assistant", "messages:Messages", "runs:Runs", "failed:Failed", "last_run_id:Last run", "updated_at:Last moved");

/** A user's conversations as ids and figures; what was said, only where OPERATORS_READ_CONVERSATIONS allows it. */
export function Conversations({ userId }: { userId: string }) {
  const { data: overview } = useReport<Overview>("/overview?days=1");
  const found = useRows(`/users/${encodeURIComponent(userId)}/conversations`);
  const [read, setRead] = useState<string>();
  const reading: Column = {
    name: "read",
    label: "",
    show: ({ conversation_id: id }: Row) => (
      <Button size="sm" variant="outline" onClick={() => setRead(String(id))} aria-label={`Read ${String(id)}`}>
        Read
      </Button>
    ),
  };
  return (
    <>
      <ReportTable label="Conversations" columns={overview?.reads_conversations ? [...COLUMNS, reading] : COLUMNS} {...found} empty="There are no conversations." />
      {read !== undefined && <Conversation key={read} userId={userId} conversationId={read} />}
    </>
  );
}

function Conversation({ userId, conversationId }: { userId: string; conversationId: string }) {
  const { data, failure } = useReport<Said>(`/users/${encodeURIComponent(userId)}/conversations/${encodeURIComponent(conversationId)}`);
  if (failure !== null) return <Failure text={failure} />;
  if (data === undefined) return <Skeleton className="h-24" />;
  return (
    <section role="region" aria-label="What was said" className="grid max-h-96 gap-3 overflow-y-auto rounded-md border p-3" tabIndex={0}>
      <p className="text-muted-foreground text-xs">Its newest messages. That you read them is noted.</p>
      {data.data.map((message) => (
        <div key={message.id} className="text-sm">
          <p className="text-muted-foreground text-xs">
            {message.role} · {shownText(message.created_at)}
          </p>
          <p className="break-words whitespace-pre-wrap">{message.content}</p>
        </div>
      ))}
    </section>
  );
}
