"use client";

/** Search in messages: shows the sentences that have the words, each a link to its message. */
import { Search } from "lucide-react";
import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from "react";

import { Dialog, DialogContent, DialogTitle } from "@/components/ui/dialog";
import { Input } from "@/components/ui/input";
import { errorText } from "@/lib/error-text";
import { CallError } from "@/lib/http";
import { cn } from "@/lib/utils";

import { ConversationApi, titleOf, type SearchHit } from "./conversation-api";
import { relativeTime } from "./groups";

const TYPING_MILLISECONDS = 120;

type Props = Readonly<{
  userId: string;
  isOpen: boolean;
  onClose: () => void;
  onOpen: (conversationId: string, messageId?: string) => void;
}>;

export function SearchDialog({ userId, isOpen, onClose, onOpen }: Props) {
  return (
    <Dialog open={isOpen} onOpenChange={(next) => !next && onClose()}>
      <DialogContent
        aria-describedby={undefined}
        className="top-[10dvh] flex max-h-[80dvh] translate-y-0 flex-col gap-0 overflow-hidden p-0 sm:max-w-2xl"
      >
        <DialogTitle className="sr-only">Search conversations</DialogTitle>
        {isOpen && <SearchPanel userId={userId} onOpen={onOpen} />}
      </DialogContent>
    </Dialog>
  );
}

type Found = Readonly<{ words: string; hits: readonly SearchHit[]; hasMore: boolean; failure: string | null }>;

function SearchPanel({ userId, onOpen }: Pick<Props, "userId" | "onOpen">) {
  const [words, setWords] = useState("");
  const [active, setActive] = useState(0);
  const found = useSearch(userId, words.trim());
  const listId = useId();
  const list = useRef<HTMLUListElement>(null);
  const hits = found?.hits ?? [];
  const open = (hit: SearchHit | undefined) => hit && onOpen(hit.conversation_id, hit.message_id ?? undefined);
  const press = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter") return open(hits[active]);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined || hits.length === 0) return;
    event.preventDefault();
    const next = (active + step + hits.length) % hits.length;
    setActive(next);
    list.current?.children[next]?.scrollIntoView({ block: "nearest" });
  };
  return (
    <>
      <div className="flex items-center gap-2 border-b pr-12 pl-4">
        <Search className="text-muted-foreground size-4 shrink-0" aria-hidden="true" />
        <Input
          autoFocus
          type="search"
          role="combobox"
          aria-label="Search in what was said"
          aria-expanded={hits.length > 0}
          aria-controls={listId}
          aria-activedescendant={hits.length > 0 ? `${listId}-${active}` : undefined}
          placeholder="Search in what was said…"
          maxLength={200}
          value={words}
          dir="auto"
          onChange={(event) => {
            setWords(event.currentTarget.value);
            setActive(0);
          }}
          onKeyDown={press}
          className="h-12 border-0 bg-transparent px-0 shadow-none focus-visible:ring-0 dark:bg-transparent [&::-webkit-search-cancel-button]:hidden"
        />
      </div>
      <ul ref={list} id={listId} role="listbox" aria-label="Found" className="min-h-0 overflow-y-auto p-2 empty:hidden">
        {hits.map((hit, index) => (
          <li
            key={`${hit.conversation_id}-${hit.message_id ?? "title"}`}
            id={`${listId}-${index}`}
            role="option"
            aria-selected={index === active}
            className={cn("cursor-pointer rounded-md px-3 py-2 text-sm", index === active && "bg-accent")}
            onClick={() => open(hit)}
            onPointerMove={() => setActive(index)}
          >
            <Hit hit={hit} />
          </li>
        ))}
      </ul>
      <p role="status" className="text-muted-foreground px-4 py-3 text-sm empty:hidden">
        {summary(words.trim(), found)}
      </p>
    </>
  );
}

function Hit({ hit }: { hit: SearchHit }) {
  return (
    <>
      <span className="text-muted-foreground flex items-baseline gap-2 text-xs">
        <span dir="auto" className="min-w-0 flex-1 truncate">
          {hit.message_id === null ? "Title" : titleOf(hit)}
        </span>
        <time dateTime={hit.created_at}>{relativeTime(hit.created_at, new Date())}</time>
      </span>
      <span dir="auto" className="line-clamp-3 break-words">
        {hit.excerpt.map((part, index) =>
          part.is_match ? (
            <mark key={index} className="bg-brand-soft text-brand-text rounded-xs font-medium">
              {part.text}
            </mark>
          ) : (
            part.text
          ),
        )}
      </span>
    </>
  );
}

function summary(words: string, found: Found | null): string {
  if (words === "") return "All words must be there; the last one may be a beginning.";
  if (found === null) return "";
  if (found.failure !== null) return found.failure;
  if (found.hits.length === 0) return `Nothing holds “${found.words}”.`;
  return found.hasMore ? "These are the newest. Another word finds fewer." : "";
}

/** The last results, which stay while the next words are searched for. */
function useSearch(userId: string, words: string): Found | null {
  const api = useMemo(() => new ConversationApi(userId), [userId]);
  const [found, setFound] = useState<Found | null>(null);
  useEffect(() => {
    let isWanted = true;
    const settle = (next: Found | null) => isWanted && setFound(next);
    const timer = setTimeout(() => {
      if (words === "") return settle(null);
      api.search(words).then(
        ({ data, has_more }) => settle({ words, hits: data, hasMore: has_more, failure: null }),
        (error: unknown) =>
          settle({ words, hits: [], hasMore: false, failure: errorText(error instanceof CallError ? error : {}) }),
      );
    }, TYPING_MILLISECONDS);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [api, words]);
  return found;
}
