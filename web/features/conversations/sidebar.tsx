"use client";

/** The conversations beside the chat: a column from 1024 px on, a drawer below. */
import { useSearchParams } from "next/navigation";
import { useCallback, useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";

import { Dialog, DialogContent, DialogTitle } from "@/components/ui/dialog";
import { openConversation } from "@/features/chat/use-conversation";
import { useMediaQuery } from "@/lib/use-media-query";

import { ConversationList } from "./conversation-list";
import { SearchDialog } from "./search-dialog";
import { boundedWidth, sidebarCookie, WIDTH_MAX, WIDTH_MIN, type SidebarState } from "./sidebar-state";
import { onSidebarAsked } from "./sidebar-toggle";
import { useDocumentTitle } from "./use-document-title";

const WIDE = "(min-width: 64rem)";
const KEY_STEP_PIXELS = 16;

export function Sidebar({ userId, initial }: { userId: string; initial: SidebarState }) {
  const [state, setState] = useState(initial);
  const [isDrawerOpen, setDrawerOpen] = useState(false);
  const [isSearching, setSearching] = useState(false);
  const isWide = useMediaQuery(WIDE);
  const current = useSearchParams().get("conversation");
  useDocumentTitle(userId, current);

  // At once: the page may be loaded again before an effect after the paint.
  useLayoutEffect(() => {
    document.cookie = sidebarCookie(state);
  }, [state]);
  useEffect(
    () =>
      onSidebarAsked(() => {
        if (isWide) setState((now) => ({ ...now, isOpen: !now.isOpen }));
        else setDrawerOpen(true);
      }),
    [isWide],
  );
  useEffect(() => {
    const onKeyDown = (event: globalThis.KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
      event.preventDefault();
      setSearching(true);
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);

  const open = useCallback((conversationId: string | null, messageId?: string) => {
    setDrawerOpen(false);
    setSearching(false);
    openConversation(conversationId, messageId);
  }, []);
  const list = (isFollowing: boolean) => (
    <ConversationList
      userId={userId}
      current={current}
      isFollowing={isFollowing}
      onOpen={open}
      onSearch={() => setSearching(true)}
    />
  );
  return (
    <>
      {state.isOpen && (
        <aside
          aria-label="Conversations"
          className="bg-card relative hidden shrink-0 border-r lg:flex"
          style={{ width: state.width }}
        >
          {isWide && list(true)}
          <Handle width={state.width} onWidth={(width) => setState((now) => ({ ...now, width }))} />
        </aside>
      )}
      <Dialog open={isDrawerOpen && !isWide} onOpenChange={setDrawerOpen}>
        <DialogContent
          aria-describedby={undefined}
          className="bg-card top-0 left-0 flex h-dvh w-[19rem] max-w-[86vw] translate-x-0 translate-y-0 flex-col gap-0 rounded-none border-y-0 border-l-0 p-0 sm:max-w-[19rem]"
        >
          <DialogTitle className="px-4 pt-4 pb-1 text-base">Conversations</DialogTitle>
          {list(true)}
        </DialogContent>
      </Dialog>
      <SearchDialog userId={userId} isOpen={isSearching} onClose={() => setSearching(false)} onOpen={open} />
    </>
  );
}

/** The edge of the sidebar: dragged, or moved by the arrow keys, it changes the width. */
function Handle({ width, onWidth }: { width: number; onWidth: (width: number) => void }) {
  const start = useRef<{ x: number; width: number }>(null);
  const down = (event: PointerEvent<HTMLDivElement>) => {
    start.current = { x: event.clientX, width };
    event.currentTarget.setPointerCapture(event.pointerId);
  };
  const move = (event: PointerEvent) => {
    if (start.current) onWidth(boundedWidth(start.current.width + event.clientX - start.current.x));
  };
  const up = () => {
    start.current = null;
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -KEY_STEP_PIXELS, ArrowRight: KEY_STEP_PIXELS }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    onWidth(boundedWidth(width + step));
  };
  return (
    <div
      role="separator"
      aria-orientation="vertical"
      aria-label="Width of the list"
      aria-valuenow={width}
      aria-valuemin={WIDTH_MIN}
      aria-valuemax={WIDTH_MAX}
      tabIndex={0}
      className="hover:bg-ring/40 focus-visible:bg-ring absolute inset-y-0 -right-1 z-10 w-2 cursor-col-resize touch-none outline-none"
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerCancel={up}
      onKeyDown={press}
    />
  );
}
