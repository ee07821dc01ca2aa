import type { Metadata } from "next";
import { Suspense } from "react";

import { OperatorPage } from "@/features/operator/operator-page";
import { OperatorView } from "@/features/operator/operator-view";
import { requireOperator } from "@/server/require-user";

export const metadata: Metadata = { title: "Operator" };

export default async function Page() {
  await requireOperator();
  return (
    <OperatorPage title="Operator">
      <Suspense>
        <OperatorView />
      </Suspense>
    </OperatorPage>
  );
}
