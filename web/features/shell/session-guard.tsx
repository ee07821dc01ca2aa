"use client";

import { useEffect } from "react";

import { leaveForSignIn, onSignOutElsewhere } from "@/features/auth/leaving";

/** Leaves the page when another tab signs out, and when the browser brings it back from its cache after that. */
export function SessionGuard() {
  useEffect(() => {
    const stop = onSignOutElsewhere(() => leaveForSignIn("elsewhere"));
    const onShow = (event: PageTransitionEvent) => event.persisted && location.reload();
    addEventListener("pageshow", onShow);
    return () => {
      stop();
      removeEventListener("pageshow", onShow);
    };
  }, []);
  return null;
}
