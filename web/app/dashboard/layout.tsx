import { UserStreamProvider } from "@/features/live/user-stream";
import { Notices } from "@/features/notices/notices";
import { ServiceWorker } from "@/features/offline/service-worker";
import { AppHeader } from "@/features/shell/app-header";
import { ConnectionBanner } from "@/features/shell/connection-banner";
import { SessionGuard } from "@/features/shell/session-guard";
import { UndoProvider } from "@/features/undo/undo";
import { requireUser } from "@/server/require-user";

export default async function DashboardLayout({ children }: { children: React.ReactNode }) {
  const user = await requireUser();
  return (
    <UserStreamProvider userId={user.userId}>
      <SessionGuard />
      <ServiceWorker />
      <Notices />
      <UndoProvider userId={user.userId}>
      <div className="flex h-dvh flex-col">
        <a
          href="#main"
          className="bg-primary text-primary-foreground sr-only z-50 rounded-md px-4 py-2 font-medium focus:not-sr-only focus:absolute focus:top-3 focus:left-3"
        >
          Skip to content
        </a>
        <AppHeader user={user} />
        <ConnectionBanner />
        {children}
      </div>
      </UndoProvider>
    </UserStreamProvider>
  );
}
