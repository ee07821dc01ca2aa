import type { Metadata } from "next";
import { Suspense } from "react";

import { TaskListSkeleton } from "@/features/tasks/task-states";
import { TasksView } from "@/features/tasks/tasks-view";
import { requireUser } from "@/server/require-user";

export const metadata: Metadata = { title: "Tasks" };

export default async function TasksPage() {
  const user = await requireUser();
  return (
    <main id="main" className="min-h-0 flex-1 overflow-y-auto">
      <div className="mx-auto w-full max-w-3xl px-4 py-8 sm:px-6">
        <Suspense fallback={<TaskListSkeleton />}>
          <TasksView userId={user.userId} />
        </Suspense>
      </div>
    </main>
  );
}
