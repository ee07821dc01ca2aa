"use client";

/** The list of conversations: pinned ones, then by day. Scrolling loads more; several can be ticked and changed at once. */
import { Archive, ArchiveRestore, ArrowLeft, ListChecks, Plus, Search, Trash2, X } from "lucide-react";
import { useEffect, useRef, useState, type ReactNode } from "react";

import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";

import type { Conversation } from "./conversation-api";
import { ConversationRow } from "./conversation-row";
import { groupByDay } from "./groups";
import { useConversations, type Conversations } from "./use-conversations";

const CLOCK_MILLISECONDS = 60_000;

type Props = Readonly<{
  userId: string;
  current: string | null;
  isFollowing: boolean;
  onOpen: (conversationId: string | null) => void;
  onSearch: () => void;
}>;

export function ConversationList(props: Props) {
  const [isArchived, setArchived] = useState(false);
  return <List key={String(isArchived)} {...props} isArchived={isArchived} onArchived={setArchived} />;
}

type ListProps = Props & Readonly<{ isArchived: boolean; onArchived: (isArchived: boolean) => void }>;

function List({ userId, current, isFollowing, onOpen, onSearch, isArchived, onArchived }: ListProps) {
  const [chosen, setChosen] = useState<ReadonlySet<string> | null>(null);
  const list = useConversations(userId, isArchived, isFollowing);
  const now = useNow();
  const all = [...list.pinned, ...list.recent];
  const leave = (ids: readonly string[]) => current !== null && ids.includes(current) && onOpen(null);
  const remove = (gone: readonly Conversation[]) => {
    list.remove(gone);
    leave(gone.map(({ id }) => id));
    setChosen(null);
  };
  const row = (conversation: Conversation) => (
    <ConversationRow
      key={conversation.id}
      conversation={conversation}
      now={now}
      isCurrent={conversation.id === current}
      isChosen={chosen?.has(conversation.id) ?? null}
      onChoose={() => setChosen((ids) => toggled(ids, conversation.id))}
      onOpen={() => onOpen(conversation.id)}
      onChange={(change) => void list.change([conversation.id], change)}
      onRemove={() => remove([conversation])}
      exportUrl={(id, format) => list.api.exportUrl(id, format)}
      sharesOf={(id) => list.api.shares(id)}
    />
  );
  return (
    <div className="flex min-h-0 w-full min-w-0 flex-1 flex-col">
      <div className="flex gap-1 p-2">
        <Button variant="outline" className="flex-1 justify-start" onClick={() => onOpen(null)}>
          <Plus /> New chat
        </Button>
        <Button variant="ghost" size="icon" aria-label="Search conversations (Ctrl K)" onClick={onSearch}>
          <Search />
        </Button>
        <Button
          variant="ghost"
          size="icon"
          aria-label="Choose several"
          aria-pressed={chosen !== null}
          onClick={() => setChosen((ids) => (ids === null ? new Set() : null))}
        >
          <ListChecks />
        </Button>
      </div>
      {chosen !== null && (
        <ChosenBar
          count={chosen.size}
          isArchived={isArchived}
          onArchive={() => {
            void list.change([...chosen], { archived: !isArchived });
            setChosen(null);
          }}
          onRemove={() => remove(all.filter(({ id }) => chosen.has(id)))}
          onDone={() => setChosen(null)}
        />
      )}
      {list.failure !== null && <Failure text={list.failure} onDismiss={list.dismissFailure} />}
      <nav aria-label="Conversations" className="min-h-0 flex-1 overflow-y-auto px-2 pb-2">
        {isArchived && <h2 className="text-muted-foreground px-2 py-1.5 text-xs font-medium">Archived</h2>}
        <Body list={list} isArchived={isArchived} now={now} row={row} />
      </nav>
      <div className="border-t p-2">
        <Button
          variant="ghost"
          size="sm"
          className="text-muted-foreground w-full justify-start"
          onClick={() => onArchived(!isArchived)}
        >
          {isArchived ? <ArrowLeft /> : <Archive />} {isArchived ? "All conversations" : "Archived"}
        </Button>
      </div>
    </div>
  );
}

type BodyProps = Readonly<{ list: Conversations; isArchived: boolean; now: Date; row: (conversation: Conversation) => ReactNode }>;

function Body({ list, isArchived, now, row }: BodyProps) {
  if (list.phase === "loading") return <Loading />;
  if (list.phase === "failed")
    return (
      <div role="alert" className="text-muted-foreground grid gap-2 px-2 py-4 text-sm">
        Your conversations could not be loaded.
        <Button variant="outline" size="sm" onClick={() => void list.reload()}>
          Try again
        </Button>
      </div>
    );
  if (list.pinned.length + list.recent.length === 0)
    return (
      <p className="text-muted-foreground px-2 py-4 text-sm">
        {isArchived ? "Nothing is archived." : "What you talk about shows up here."}
      </p>
    );
  return (
    <>
      {list.pinned.length > 0 && <Section label="Pinned">{list.pinned.map(row)}</Section>}
      {groupByDay(list.recent, now).map(({ label, conversations }) => (
        <Section key={label} label={label}>
          {conversations.map(row)}
        </Section>
      ))}
      {list.hasMore && <More onSeen={() => void list.loadMore()} />}
    </>
  );
}

function Section({ label, children }: { label: string; children: ReactNode }) {
  return (
    <section aria-label={label} className="pb-2">
      <h2 className="text-muted-foreground bg-card sticky top-0 z-10 px-2 py-1.5 text-xs font-medium">{label}</h2>
      <ul>{children}</ul>
    </section>
  );
}

function Loading() {
  return (
    <div role="status" aria-label="Loading your conversations" className="grid gap-3 p-2">
      {[80, 55, 70, 45].map((width) => (
        <Skeleton key={width} className="h-4" style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}

/** Loads the next page when the reader is a screen away from the end. */
function More({ onSeen }: { onSeen: () => void }) {
  const place = useRef<HTMLDivElement>(null);
  const seen = useRef(onSeen);
  useEffect(() => {
    seen.current = onSeen;
  });
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && seen.current(), { rootMargin: "400px" });
    if (place.current) observer.observe(place.current);
    return () => observer.disconnect();
  });
  return <div ref={place} className="h-8" aria-hidden="true" />;
}

type ChosenProps = Readonly<{ count: number; isArchived: boolean; onArchive: () => void; onRemove: () => void; onDone: () => void }>;

function ChosenBar({ count, isArchived, onArchive, onRemove, onDone }: ChosenProps) {
  return (
    <div role="toolbar" aria-label="What to do with the chosen ones" className="bg-muted mx-2 mb-2 flex items-center gap-1 rounded-md py-1 pr-1 pl-3 text-sm">
      <span role="status" className="flex-1">
        {count} chosen
      </span>
      <Button variant="ghost" size="icon-sm" aria-label={isArchived ? "Bring back the chosen ones" : "Archive the chosen ones"} disabled={count === 0} onClick={onArchive}>
        {isArchived ? <ArchiveRestore /> : <Archive />}
      </Button>
      <Button variant="ghost" size="icon-sm" aria-label="Delete the chosen ones" disabled={count === 0} onClick={onRemove}>
        <Trash2 />
      </Button>
      <Button variant="ghost" size="icon-sm" aria-label="Done" onClick={onDone}>
        <X />
      </Button>
    </div>
  );
}

function Failure({ text, onDismiss }: { text: string; onDismiss: () => void }) {
  return (
    <div role="alert" className="text-destructive flex items-start gap-2 px-4 pb-2 text-sm">
      <span className="flex-1">{text}</span>
      <Button variant="ghost" size="icon-sm" aria-label="Dismiss" onClick={onDismiss}>
        <X />
      </Button>
    </div>
  );
}

function toggled(ids: ReadonlySet<string> | null, id: string): ReadonlySet<string> {
  const next = new Set(ids);
  if (!next.delete(id)) next.add(id);
  return next;
}

/** The time, updated every minute, so that "5 min" stays true. */
function useNow(): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), CLOCK_MILLISECONDS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
