import type { Metadata } from "next";
import { cookies } from "next/headers";

import { ChatPanel } from "@/features/chat/chat-panel";
import { Sidebar } from "@/features/conversations/sidebar";
import { parseSidebar, SIDEBAR_COOKIE } from "@/features/conversations/sidebar-state";
import { TaskPanel } from "@/features/tasks/task-panel";
import { elementScriptUrl } from "@/server/element-script";
import { requireUser } from "@/server/require-user";
import { getChatkitElement } from "@/server/settings";

export const metadata: Metadata = { title: "Chat" };

type Query = Promise<{ conversation?: string | string[] }>;

export default async function ChatPage({ searchParams }: { searchParams: Query }) {
  const { conversation } = await searchParams;
  const user = await requireUser();
  const element = getChatkitElement();
  return (
    <div className="flex min-h-0 flex-1">
      <Sidebar userId={user.userId} initial={parseSidebar((await cookies()).get(SIDEBAR_COOKIE)?.value)} />
      <main id="main" className="min-w-0 flex-1">
        <h1 className="sr-only">Chat</h1>
        <ChatPanel
          userId={user.userId}
          conversationId={typeof conversation === "string" ? conversation : null}
          openaiDomainKey={element.source === "openai" ? element.domainKey : null}
          scriptUrl={elementScriptUrl(element)}
        />
      </main>
      <TaskPanel userId={user.userId} />
    </div>
  );
}
