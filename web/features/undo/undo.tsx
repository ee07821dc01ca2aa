"use client";

/** A deletion can be undone for some seconds: the thing is hidden at once, and deleted when they are over. */
import { createContext, useCallback, useContext, useEffect, useRef, useState, type ReactNode } from "react";

import { Button } from "@/components/ui/button";
import { deleteWhatWasLeft } from "@/lib/http";

/** One deletion that waits: `commit` is called when its time is over, the page is left or the next one is offered. */
export type Deletion = Readonly<{ text: string; commit: () => void; undo: () => void }>;

const UNDO_MILLISECONDS = 7_000;

const OfferContext = createContext<((deletion: Deletion) => void) | null>(null);

/** Offers "Undo". The caller has hidden the thing already, and shows it again in `undo`. */
export function useUndo(): (deletion: Deletion) => void {
  const offer = useContext(OfferContext);
  if (offer === null) throw new Error("useUndo needs an UndoProvider above it");
  return offer;
}

export function UndoProvider({ userId, children }: { userId: string; children: ReactNode }) {
  const [shown, setShown] = useState<Deletion | null>(null);
  const waiting = useRef<Deletion | null>(null);

  const settle = useCallback((how: "commit" | "undo") => {
    const deletion = waiting.current;
    waiting.current = null;
    setShown(null);
    deletion?.[how]();
  }, []);
  const offer = useCallback(
    (deletion: Deletion) => {
      settle("commit");
      waiting.current = deletion;
      setShown(deletion);
    },
    [settle],
  );
  useEffect(() => void deleteWhatWasLeft(`/api/${encodeURIComponent(userId)}`), [userId]);
  useEffect(() => {
    const commit = () => settle("commit");
    addEventListener("pagehide", commit);
    return () => {
      removeEventListener("pagehide", commit);
      commit();
    };
  }, [settle]);

  return (
    <OfferContext value={offer}>
      {children}
      <div role="status" className="pointer-events-none fixed inset-x-0 bottom-4 z-50 flex justify-center px-4">
        {shown && <Toast key={shown.text} deletion={shown} onUndo={() => settle("undo")} onOver={() => settle("commit")} />}
      </div>
    </OfferContext>
  );
}

function Toast({ deletion, onUndo, onOver }: { deletion: Deletion; onUndo: () => void; onOver: () => void }) {
  // While the button is pointed at or focused, the time does not run out.
  const [isHeld, setHeld] = useState(false);
  useEffect(() => {
    if (isHeld) return;
    const timer = setTimeout(onOver, UNDO_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [isHeld, deletion, onOver]);
  return (
    <div
      className="bg-foreground text-background pointer-events-auto flex max-w-full items-center gap-3 rounded-lg py-2 pr-2 pl-4 text-sm shadow-lg"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <span className="truncate">{deletion.text}</span>
      <Button size="sm" variant="secondary" onClick={onUndo}>
        Undo
      </Button>
    </div>
  );
}
