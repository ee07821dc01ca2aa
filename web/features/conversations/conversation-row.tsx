"use client";

/** One conversation: open, rename in place, pin, archive, delete. */
import { Archive, ArchiveRestore, Download, Ellipsis, Link2, Pencil, Pin, PinOff, Trash2 } from "lucide-react";
import { useState, type KeyboardEvent, type MouseEvent } from "react";

import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuSeparator,
  DropdownMenuTrigger,
} from "@/components/ui/dropdown-menu";
import { Input } from "@/components/ui/input";
import { conversationUrl } from "@/features/chat/use-conversation";
import { refuseLongTitle } from "@/features/tasks/title-length";
import { cn } from "@/lib/utils";

import { titleOf, type Conversation, type ConversationChange } from "./conversation-api";
import { relativeTime } from "./groups";
import type { ShareApi } from "./share-api";
import { ShareDialog } from "./share-dialog";

type Props = Readonly<{
  conversation: Conversation;
  now: Date;
  isCurrent: boolean;
  /** Whether this one is ticked; null while there are no boxes to tick. */
  isChosen: boolean | null;
  onChoose: () => void;
  onOpen: () => void;
  onChange: (change: ConversationChange) => void;
  onRemove: () => void;
  exportUrl: (conversationId: string, format: "markdown" | "json") => string;
  sharesOf: (conversationId: string) => ShareApi;
}>;

export function ConversationRow(props: Props) {
  const { conversation, now, isCurrent, isChosen, onChoose, onOpen, onChange } = props;
  const [isRenaming, setRenaming] = useState(false);
  const [sharing, setSharing] = useState<ShareApi | null>(null);
  const title = titleOf(conversation);
  if (isRenaming)
    return (
      <li className="py-0.5">
        <RenameField
          title={title}
          onDone={(next) => {
            setRenaming(false);
            if (next !== null && next !== title) onChange({ title: next });
          }}
        />
      </li>
    );
  const click = (event: MouseEvent) => {
    // With a modifier key it is an ordinary link, which opens another tab.
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    if (isChosen === null) onOpen();
    else onChoose();
  };
  return (
    <li
      className={cn(
        "group flex items-center rounded-md transition-colors",
        isCurrent ? "bg-accent text-foreground" : "hover:bg-accent/60",
      )}
    >
      {isChosen !== null && (
        <Checkbox checked={isChosen} aria-label={`Choose “${title}”`} onCheckedChange={onChoose} className="ml-2" />
      )}
      <a
        href={conversationUrl(conversation.id)}
        aria-current={isCurrent ? "page" : undefined}
        className="flex min-w-0 flex-1 items-baseline gap-2 rounded-md px-2 py-1.5 text-sm"
        onClick={click}
        onDoubleClick={() => setRenaming(true)}
      >
        <span dir="auto" className="min-w-0 flex-1 truncate" title={title}>
          {title}
        </span>
        <time dateTime={conversation.updated_at} className="text-muted-foreground shrink-0 text-xs tabular-nums">
          {stateOf(conversation, now)}
        </time>
      </a>
      <RowMenu
        {...props}
        title={title}
        onRename={() => setRenaming(true)}
        onShare={() => setSharing(props.sharesOf(conversation.id))}
      />
      {sharing !== null && <ShareDialog title={title} api={sharing} onClose={() => setSharing(null)} />}
    </li>
  );
}

function stateOf(conversation: Conversation, now: Date): string {
  if (conversation.is_waiting) return "waits for you";
  return conversation.active_run_id !== null ? "…" : relativeTime(conversation.updated_at, now);
}

type MenuProps = Props & Readonly<{ title: string; onRename: () => void; onShare: () => void }>;

function RowMenu({ conversation, title, onRename, onShare, onChange, onRemove, exportUrl }: MenuProps) {
  const isPinned = conversation.pinned_at !== null;
  const isArchived = conversation.archived_at !== null;
  return (
    <DropdownMenu modal={false}>
      <DropdownMenuTrigger asChild>
        <Button
          variant="ghost"
          size="icon-sm"
          aria-label={`More about “${title}”`}
          className="text-muted-foreground mr-0.5 size-7 lg:opacity-0 lg:group-focus-within:opacity-100 lg:group-hover:opacity-100 lg:data-[state=open]:opacity-100"
        >
          <Ellipsis />
        </Button>
      </DropdownMenuTrigger>
      <DropdownMenuContent align="start" onCloseAutoFocus={(event) => event.preventDefault()}>
        <DropdownMenuItem onSelect={onRename}>
          <Pencil /> Rename
        </DropdownMenuItem>
        {!isArchived && (
          <DropdownMenuItem onSelect={() => onChange({ pinned: !isPinned })}>
            {isPinned ? <PinOff /> : <Pin />} {isPinned ? "Unpin" : "Pin"}
          </DropdownMenuItem>
        )}
        <DropdownMenuItem onSelect={() => onChange({ archived: !isArchived })}>
          {isArchived ? <ArchiveRestore /> : <Archive />} {isArchived ? "Bring back" : "Archive"}
        </DropdownMenuItem>
        <DropdownMenuSeparator />
        <DropdownMenuItem onSelect={onShare}>
          <Link2 /> Share…
        </DropdownMenuItem>
        {(["markdown", "json"] as const).map((format) => (
          <DropdownMenuItem key={format} asChild>
            <a href={exportUrl(conversation.id, format)} download>
              <Download /> {format === "markdown" ? "Save as Markdown" : "Save as JSON"}
            </a>
          </DropdownMenuItem>
        ))}
        <DropdownMenuSeparator />
        <DropdownMenuItem variant="destructive" onSelect={onRemove}>
          <Trash2 /> Delete
        </DropdownMenuItem>
      </DropdownMenuContent>
    </DropdownMenu>
  );
}

/** Enter or leaving the field saves, Escape does not; an empty title changes nothing, one that is too long is refused. */
function RenameField({ title, onDone }: { title: string; onDone: (title: string | null) => void }) {
  const react = (event: KeyboardEvent<HTMLInputElement>) => {
    // While an input method is composing, Enter and Escape belong to it.
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter") event.currentTarget.blur();
    if (event.key !== "Escape") return;
    event.stopPropagation(); // Escape must not close the drawer or stop an answer as well
    event.preventDefault();
    event.currentTarget.value = title;
    event.currentTarget.setCustomValidity("");
    event.currentTarget.blur();
  };
  return (
    <Input
      autoFocus
      dir="auto"
      aria-label={`New title for “${title}”`}
      defaultValue={title}
      onFocus={(event) => event.currentTarget.value === title && event.currentTarget.select()}
      onInput={(event) => refuseLongTitle(event.currentTarget)}
      onKeyDown={react}
      onBlur={(event) => event.currentTarget.reportValidity() && onDone(event.currentTarget.value.trim() || null)}
      className="h-8"
    />
  );
}
