"use client";

/** What the chat shows when it cannot show a conversation. */
import { LockKeyhole, RotateCw, SearchX, TriangleAlert } from "lucide-react";

import { EmptyState } from "@/components/empty-state";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";

import { conversationUrl } from "./use-conversation";

export function ChatLoading() {
  return (
    <div role="status" aria-label="Loading the chat" className="mx-auto grid h-full w-full max-w-3xl content-end gap-4 p-6">
      <Skeleton className="ml-auto h-10 w-2/5 rounded-2xl" />
      <Skeleton className="h-4 w-4/5" />
      <Skeleton className="h-4 w-3/5" />
      <Skeleton className="mt-8 h-14 w-full rounded-2xl" />
    </div>
  );
}

export function ChatFailed() {
  return (
    <EmptyState
      icon={TriangleAlert}
      title="The chat could not be loaded"
      text="Check your connection, then load it again. Your conversations are safe."
      isError
    >
      <Button variant="outline" onClick={() => location.reload()}>
        <RotateCw /> Load again
      </Button>
    </EmptyState>
  );
}

const REFUSALS = {
  forbidden: {
    icon: LockKeyhole,
    title: "This conversation belongs to someone else",
    text: "Only the person who started it can read it.",
  },
  unknown: {
    icon: SearchX,
    title: "There is no such conversation",
    text: "It may have been deleted, or the address is not quite right.",
  },
} as const;

export function ConversationRefused({ reason }: { reason: keyof typeof REFUSALS }) {
  const { icon, title, text } = REFUSALS[reason];
  return (
    <EmptyState icon={icon} title={title} text={text} isError>
      <Button asChild variant="outline">
        {/* A full load: the chat starts anew, with no conversation. */}
        <a href={conversationUrl(null)}>Start a new conversation</a>
      </Button>
    </EmptyState>
  );
}
