import type { Metadata } from "next";

import { AutomationView } from "@/features/automation/automation-view";
import { requireUser } from "@/server/require-user";

export const metadata: Metadata = { title: "Automation" };

export default async function AutomationPage() {
  const user = await requireUser();
  return (
    <main id="main" className="min-h-0 flex-1 overflow-y-auto">
      <div className="mx-auto grid w-full max-w-3xl gap-6 px-4 py-8 sm:px-6">
        <div className="grid gap-1">
          <h1 className="text-2xl font-semibold tracking-tight">Automation</h1>
          <p className="text-muted-foreground text-sm">What Natter does while you are not here.</p>
        </div>
        <AutomationView userId={user.userId} />
      </div>
    </main>
  );
}
