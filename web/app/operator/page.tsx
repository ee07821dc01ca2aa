import type { Metadata } from "next";
import { notFound } from "next/navigation";

import { OperatorView } from "@/features/operator/operator-view";
import { requireUser } from "@/server/require-user";

export const metadata: Metadata = { title: "Operator" };

/** For everybody else there is no such page; what it shows, auth_edge gives to operators alone. */
export default async function OperatorPage() {
  const user = await requireUser();
  if (!user.isOperator) notFound();
  return (
    <main id="main" className="min-h-0 flex-1 overflow-y-auto">
      <div className="mx-auto grid w-full max-w-5xl gap-6 px-4 py-8 sm:px-6">
        <h1 className="text-2xl font-semibold tracking-tight">Operator</h1>
        <OperatorView />
      </div>
    </main>
  );
}
