"use client";

/** The user's event stream: one per tab, open while the tab is visible and a component listens. */
import { createContext, useCallback, useContext, useEffect, useEffectEvent, useState, useSyncExternalStore } from "react";

import { ResumingStream } from "@/chatkit-element/src/protocol/resuming-stream";
import { leaveAsExpired } from "@/features/auth/leaving";

import { readFrame, type Frame } from "./frames";

/** A frame of the stream, or "open": it was opened (again), and what was missed meanwhile has to be read. */
export type LiveEvent = Frame | Readonly<{ kind: "open" }>;

type Listener = (event: LiveEvent) => void;
/** `isKeeper`: the stream stays open for it in a hidden tab as well. */
type Listen = (listener: Listener, isKeeper: boolean) => () => void;

const ListenContext = createContext<Listen | null>(null);

// A browser has six HTTP/1.1 connections to an origin, for all tabs together: a hidden tab closes its own.
const HIDDEN_MILLISECONDS_MAX = 20_000;

export function UserStreamProvider({ userId, children }: { userId: string; children: React.ReactNode }) {
  const [listeners] = useState(() => new Set<Listener>());
  const [listenerCount, setListenerCount] = useState(0);
  const [keeperCount, setKeeperCount] = useState(0);
  const isSeen = useIsSeen();
  const isWanted = listenerCount > 0 && (isSeen || keeperCount > 0);

  useEffect(() => {
    if (!isWanted) return;
    const tell = (event: LiveEvent) => listeners.forEach((listener) => listener(event));
    const stream = new ResumingStream({
      connect: (lastEventId, signal) => {
        const headers = { accept: "text/event-stream", ...(lastEventId !== null && { "last-event-id": lastEventId }) };
        return fetch(`/api/${encodeURIComponent(userId)}/stream`, { headers, cache: "no-store", signal });
      },
      onOpen: () => tell({ kind: "open" }),
      onFrame: (message) => {
        const frame = readFrame(message);
        if (frame) tell(frame);
      },
      onBadFrame: (error) => {
        console.error(error);
        tell({ kind: "open" });
      },
      onEnd: (end) => {
        if (end.type === "refused" && end.response.status === 401) leaveAsExpired();
      },
    });
    return () => stream.close();
  }, [isWanted, userId, listeners]);

  const listen = useCallback<Listen>(
    (listener, isKeeper) => {
      listeners.add(listener);
      setListenerCount(listeners.size);
      if (isKeeper) setKeeperCount((count) => count + 1);
      return () => {
        listeners.delete(listener);
        setListenerCount(listeners.size);
        if (isKeeper) setKeeperCount((count) => count - 1);
      };
    },
    [listeners],
  );
  return <ListenContext value={listen}>{children}</ListenContext>;
}

/** Calls `onEvent` for every event while the component is mounted and `isEnabled`. */
export function useUserStream(onEvent: Listener, isEnabled = true, isKeeper = false): void {
  const listen = useContext(ListenContext);
  if (listen === null) throw new Error("useUserStream needs a UserStreamProvider above it");
  const react = useEffectEvent(onEvent);
  useEffect(() => (isEnabled ? listen((event) => react(event), isKeeper) : undefined), [listen, isEnabled, isKeeper]);
}

/** False once the page was hidden for a while. */
function useIsSeen(): boolean {
  const [isSeen, setSeen] = useState(true);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const react = () => {
      clearTimeout(timer);
      if (document.visibilityState === "visible") setSeen(true);
      else timer = setTimeout(() => setSeen(false), HIDDEN_MILLISECONDS_MAX);
    };
    document.addEventListener("visibilitychange", react);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", react);
    };
  }, []);
  return isSeen;
}

function subscribeToNetwork(notify: () => void): () => void {
  addEventListener("online", notify);
  addEventListener("offline", notify);
  return () => {
    removeEventListener("online", notify);
    removeEventListener("offline", notify);
  };
}

export function useIsOnline(): boolean {
  return useSyncExternalStore(subscribeToNetwork, () => navigator.onLine, () => true);
}
