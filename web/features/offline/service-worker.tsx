"use client";

import { useEffect } from "react";

/** Registers the worker that shows the app while there is no connection. */
export function ServiceWorker() {
  useEffect(() => {
    if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js").catch(() => undefined);
  }, []);
  return null;
}
