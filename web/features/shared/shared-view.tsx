"use client";

/** A conversation that somebody has shared: to be read by whoever has the link, and no more. */
import { ChatKit, useChatKit } from "@openai/chatkit-react";
import { Link2Off, RotateCw, TriangleAlert } from "lucide-react";
import Link from "next/link";
import { useEffect, useMemo, useState } from "react";

import { Brand } from "@/components/brand";
import { EmptyState } from "@/components/empty-state";
import { Button } from "@/components/ui/button";
import { appearance } from "@/features/chat/chat-options";
import { ChatLoading } from "@/features/chat/chat-states";
import { useElementScript } from "@/features/chat/use-element-script";
import { ThemeMenu } from "@/features/theme/theme-menu";
import { useTheme } from "@/features/theme/theme-provider";
import { errorText } from "@/lib/error-text";
import { CallError } from "@/lib/http";

import { answering, readShared, SHARED_THREAD, type Snapshot } from "./shared-api";

type Props = Readonly<{ token: string; scriptUrl: string }>;

export function SharedView({ token, scriptUrl }: Props) {
  const script = useElementScript(scriptUrl);
  const [read, setRead] = useState<Snapshot | CallError | null>(null);
  useEffect(() => {
    let isMounted = true;
    const settle = (result: Snapshot | CallError) => isMounted && setRead(result);
    readShared(token).then(settle, (error: unknown) => settle(error instanceof CallError ? error : new CallError(0, undefined)));
    return () => {
      isMounted = false;
    };
  }, [token]);
  const snapshot = read instanceof CallError ? null : read;
  return (
    <div className="flex h-dvh flex-col">
      <header className="flex items-center gap-4 border-b px-4 py-2">
        <Link href="/" aria-label="Natter, home" className="rounded-md">
          <Brand />
        </Link>
        {/* Written while the link's reader looks at it, so in their own words for a date. */}
        {snapshot && (
          <p className="text-muted-foreground min-w-0 flex-1 truncate text-sm">
            Shared on {new Date(snapshot.sharedAt).toLocaleDateString(undefined, { dateStyle: "long" })}, as it was then
          </p>
        )}
        <div className="ml-auto">
          <ThemeMenu />
        </div>
      </header>
      <main id="main" className="flex min-h-0 flex-1 flex-col">
        {read instanceof CallError ? (
          <Unreadable error={read} />
        ) : script === "failed" ? (
          <Unreadable error={new CallError(0, "unavailable")} />
        ) : snapshot === null || script === "loading" ? (
          <ChatLoading />
        ) : (
          <SharedConversation snapshot={snapshot} />
        )}
      </main>
    </div>
  );
}

function SharedConversation({ snapshot }: { snapshot: Snapshot }) {
  const { scheme } = useTheme();
  const chatFetch = useMemo(() => answering(snapshot), [snapshot]);
  const { control } = useChatKit({
    api: { url: new URL("/shared", location.origin).href, domainKey: "natter", fetch: chatFetch },
    initialThread: SHARED_THREAD,
    ...appearance(scheme),
    header: { enabled: false },
    history: { enabled: false },
    threadItemActions: { feedback: false, retry: false },
  });
  return (
    <>
      <h1 dir="auto" className="mx-auto w-full max-w-[46rem] px-4 pt-6 text-xl font-semibold text-balance">
        {snapshot.title}
      </h1>
      <ChatKit control={control} className="block min-h-0 w-full flex-1 [--ck-focus:var(--ring)]" data-read-only="" />
    </>
  );
}

function Unreadable({ error }: { error: CallError }) {
  if (error.status === 404)
    return (
      <EmptyState
        icon={Link2Off}
        title="This link leads nowhere"
        text="Whoever shared the conversation has taken the link back, or its address is not quite right."
        isError
      />
    );
  return (
    <EmptyState icon={TriangleAlert} title="The conversation could not be loaded" text={errorText(error)} isError>
      <Button variant="outline" onClick={() => location.reload()}>
        <RotateCw /> Load again
      </Button>
    </EmptyState>
  );
}
