"use client";

import { WifiOff } from "lucide-react";
import { usePathname } from "next/navigation";

import { useIsOnline } from "@/features/live/user-stream";

/** Says that the browser is offline, over the page: nothing jumps. A live region, so that screen readers say it too. */
export function ConnectionBanner() {
  // The chat shows a notice of its own, above the composer: one is enough.
  const isSaid = usePathname() === "/dashboard/chat";
  const isOnline = useIsOnline() || isSaid;
  return (
    <div className="relative z-40">
      <div role="status" className="pointer-events-none absolute inset-x-0 top-2 flex justify-center px-4">
        {!isOnline && (
          <p className="bg-warning-soft text-warning flex items-center gap-2 rounded-lg border px-4 py-2 text-sm shadow-lg">
            <WifiOff className="size-4 shrink-0" aria-hidden="true" />
            You are offline. What you see stays; everything else continues once you are connected.
          </p>
        )}
      </div>
    </div>
  );
}
