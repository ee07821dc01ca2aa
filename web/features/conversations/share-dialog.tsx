"use client";

/** Links with which anybody reads a conversation: made, copied, listed, revoked. */
import { Link2, Trash2 } from "lucide-react";
import { useCallback, useEffect, useState } from "react";

import { ShownOnce } from "@/components/shown-once";
import { Button } from "@/components/ui/button";
import { Dialog, DialogContent, DialogDescription, DialogHeader, DialogTitle } from "@/components/ui/dialog";
import { errorText } from "@/lib/error-text";
import { CallError } from "@/lib/http";

import type { Share, ShareApi } from "./share-api";

type Props = Readonly<{ title: string; api: ShareApi; onClose: () => void }>;

export function ShareDialog({ title, api, onClose }: Props) {
  const { shares, made, failure, isBusy, create, revoke } = useShares(api);
  return (
    <Dialog open onOpenChange={(isOpen) => !isOpen && onClose()}>
      <DialogContent className="sm:max-w-xl">
        <DialogHeader>
          <DialogTitle className="truncate pr-6 leading-normal" dir="auto">
            Share “{title}”
          </DialogTitle>
          <DialogDescription>
            Whoever has the link can read what was said so far, without signing in. Later messages, what tools were given
            and gave back, and your name are not shown.
          </DialogDescription>
        </DialogHeader>
        {made === null ? (
          <Button onClick={create} disabled={isBusy} className="justify-self-start">
            <Link2 /> Create a link
          </Button>
        ) : (
          <ShownOnce label="Link" secret={made} />
        )}
        {failure !== null && (
          <p role="alert" className="text-destructive text-sm">
            {failure}
          </p>
        )}
        {shares.length > 0 && (
          <section className="grid gap-2">
            <h3 className="text-sm font-medium">Links to this conversation</h3>
            <ul className="grid max-h-60 gap-1 overflow-y-auto">
              {shares.map((share) => (
                <ShareRow key={share.share_id} share={share} onRevoke={() => revoke(share)} />
              ))}
            </ul>
          </section>
        )}
      </DialogContent>
    </Dialog>
  );
}

function ShareRow({ share, onRevoke }: { share: Share; onRevoke: () => void }) {
  const made = new Date(share.created_at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  return (
    <li className="flex items-center justify-between gap-3 rounded-md border px-3 py-1.5 text-sm">
      <span>Made on {made}</span>
      <Button variant="ghost" size="sm" aria-label={`Revoke the link made on ${made}`} onClick={onRevoke}>
        <Trash2 /> Revoke
      </Button>
    </li>
  );
}

function useShares(api: ShareApi) {
  const [shares, setShares] = useState<readonly Share[]>([]);
  const [made, setMade] = useState<string | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const trying = useCallback(async (work: () => Promise<void>) => {
    setBusy(true);
    setFailure(null);
    try {
      await work();
    } catch (error) {
      setFailure(textOf(error));
    } finally {
      setBusy(false);
    }
  }, []);
  useEffect(() => {
    api.list().then(setShares, (error: unknown) => setFailure(textOf(error)));
  }, [api]);
  const create = () =>
    void trying(async () => {
      const { path, ...share } = await api.create();
      setMade(new URL(path, location.origin).href);
      setShares((before) => [share, ...before]);
    });
  const revoke = (share: Share) =>
    void trying(async () => {
      await api.revoke(share.share_id);
      setShares((before) => before.filter(({ share_id: id }) => id !== share.share_id));
      setMade((url) => (share.share_id === shares[0]?.share_id ? null : url));
    });
  return { shares, made, failure, isBusy, create, revoke };
}

function textOf(error: unknown): string {
  const { status, code } = error instanceof CallError ? error : new CallError(0, undefined);
  if (code === "quota_exceeded") return "You have as many links as you may have. Revoke one that you need no more.";
  if (code === "invalid_request") return "There is nothing to share yet. Wait for the first answer.";
  return errorText({ status, code });
}
