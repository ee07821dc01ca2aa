import type { Metadata } from "next";

import { OperatorPage } from "@/features/operator/operator-page";
import { RunView } from "@/features/operator/run-view";
import { requireOperator } from "@/server/require-user";

export const metadata: Metadata = { title: "Run" };

export default async function RunPage({ params }: { params: Promise<{ runId: string }> }) {
  await requireOperator();
  return (
    <OperatorPage title="Run">
      <RunView runId={(await params).runId} />
    </OperatorPage>
  );
}
