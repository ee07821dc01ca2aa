"use client";

/** The list of conversations: reads it page by page, changes it, and reads it again when a conversation changed elsewhere. */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import { leaveAsExpired } from "@/features/auth/leaving";
import { useUserStream } from "@/features/live/user-stream";
import { useUndo } from "@/features/undo/undo";
import { errorText } from "@/lib/error-text";
import { CallError } from "@/lib/http";

import { ConversationApi, titleOf, type Conversation, type ConversationChange } from "./conversation-api";
import { DELETION_MILLISECONDS_MAX, listenForDeletions, tellDeletions } from "./deletions";
import { mergeFirstPage } from "./groups";

/** One turn causes several events: the list is read once, this long after the last of them. */
const SETTLE_MILLISECONDS = 250;

export type Conversations = ReturnType<typeof useConversations>;

export function useConversations(userId: string, isArchived: boolean, isFollowing: boolean) {
  const api = useMemo(() => new ConversationApi(userId), [userId]);
  const [pinned, setPinned] = useState<readonly Conversation[]>([]);
  const [recent, setRecent] = useState<readonly Conversation[]>([]);
  const [after, setAfter] = useState<string | null>(null);
  const [phase, setPhase] = useState<"loading" | "ready" | "failed">("loading");
  const [failure, setFailure] = useState<string | null>(null);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const offer = useUndo();

  const fail = useCallback((error: unknown) => {
    if (error instanceof CallError && error.status === 401) return leaveAsExpired();
    setFailure(errorText(error instanceof CallError ? error : {}));
  }, []);

  const generation = useRef(0);
  const reload = useCallback(async () => {
    const mine = ++generation.current;
    try {
      const [kept, page] = await Promise.all([isArchived ? { data: [] } : api.pinned(), api.page(isArchived, null)]);
      if (mine !== generation.current) return;
      setPinned(kept.data);
      setRecent((known) => mergeFirstPage(known, page.data, page.has_more));
      // With pages loaded already, the next page begins where it began before.
      setAfter((known) => (page.has_more ? (known ?? page.after) : null));
      setPhase("ready");
    } catch (error) {
      if (error instanceof CallError && error.status === 401) return leaveAsExpired();
      setPhase((now) => (now === "ready" ? now : "failed"));
    }
  }, [api, isArchived]);

  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const reloadSoon = useCallback(() => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => void reload(), SETTLE_MILLISECONDS);
  }, [reload]);
  useEffect(() => {
    timer.current = setTimeout(() => void reload());
    return () => clearTimeout(timer.current);
  }, [reload]);
  /** Reading the list again would not do it: it keeps the pages after the first as they were. */
  const forget = useCallback((ids: readonly string[]) => {
    const without = (list: readonly Conversation[]) => list.filter(({ id }) => !ids.includes(id));
    setPinned(without);
    setRecent(without);
  }, []);
  useUserStream((event) => {
    if (event.kind === "conversation_deleted") forget([event.conversationId]);
    if (event.kind !== "task") reloadSoon();
  }, isFollowing);
  const deletedElsewhere = useDeletionsElsewhere(userId, forget, reload);

  const isLoadingMore = useRef(false);
  const loadMore = useCallback(async () => {
    if (after === null || isLoadingMore.current) return;
    isLoadingMore.current = true;
    try {
      const page = await api.page(isArchived, after);
      setRecent((known) => {
        const ids = new Set(known.map(({ id }) => id));
        return [...known, ...page.data.filter(({ id }) => !ids.has(id))];
      });
      setAfter(page.has_more ? page.after : null);
    } catch (error) {
      fail(error);
    } finally {
      isLoadingMore.current = false;
    }
  }, [api, isArchived, after, fail]);

  const change = useCallback(
    async (ids: readonly string[], patch: ConversationChange) => {
      setFailure(null);
      if (patch.title !== undefined) {
        const rename = (list: readonly Conversation[]) => list.map((one) => (ids.includes(one.id) ? { ...one, title: patch.title ?? null } : one));
        setPinned(rename);
        setRecent(rename);
      }
      try {
        await Promise.all(ids.map((id) => api.change(id, patch)));
      } catch (error) {
        fail(error);
      }
      await reload();
    },
    [api, reload, fail],
  );

  const remove = useCallback(
    (gone: readonly Conversation[]) => {
      setFailure(null);
      const ids = gone.map(({ id }) => id);
      const show = () => setHidden((now) => new Set([...now].filter((id) => !ids.includes(id))));
      setHidden((now) => new Set([...now, ...ids]));
      offer({
        text: gone.length === 1 ? `Deleted “${titleOf(gone[0])}”.` : `Deleted ${gone.length} conversations.`,
        undo: show,
        commit: () => {
          tellDeletions(userId, ids);
          Promise.all(ids.map((id) => api.remove(id).catch(unlessGone).then(() => forget([id]))))
            .catch(fail)
            .then(reload)
            .then(show, show);
        },
      });
    },
    [api, userId, offer, forget, reload, fail],
  );

  const isShown = ({ id }: Conversation) => !hidden.has(id) && !deletedElsewhere.has(id);
  return {
    api,
    phase,
    failure,
    pinned: pinned.filter(isShown),
    recent: recent.filter(isShown),
    hasMore: after !== null,
    reload,
    loadMore,
    change,
    remove,
    dismissFailure: useCallback(() => setFailure(null), []),
  };
}

/** The conversations that another page is deleting. Those that the server still has after a while are listed again. */
function useDeletionsElsewhere(
  userId: string,
  forget: (ids: readonly string[]) => void,
  reload: () => Promise<void>,
): ReadonlySet<string> {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => listenForDeletions(userId, (more) => setIds((now) => new Set([...now, ...more]))), [userId]);
  useEffect(() => {
    if (ids.size === 0) return;
    const timer = setTimeout(() => {
      forget([...ids]);
      void reload().finally(() => setIds(new Set()));
    }, DELETION_MILLISECONDS_MAX);
    return () => clearTimeout(timer);
  }, [ids, forget, reload]);
  return ids;
}

/** A conversation that is gone already counts as deleted. */
function unlessGone(error: unknown): void {
  if (!(error instanceof CallError && error.status === 404)) throw error;
}
