"use client";

/** Whether this browser tells its user that an answer waits for them: what they chose, and what the browser allows. */
import { useSyncExternalStore } from "react";

const KEY = "natter:waiting-notices";
const CHANGED = "natter:waiting-notices-changed";

export const canNotify = (): boolean => typeof window !== "undefined" && "Notification" in window;

function isOn(): boolean {
  return canNotify() && Notification.permission === "granted" && localStorage.getItem(KEY) === "on";
}

function subscribe(notify: () => void): () => void {
  addEventListener("storage", notify);
  addEventListener(CHANGED, notify);
  return () => {
    removeEventListener("storage", notify);
    removeEventListener(CHANGED, notify);
  };
}

export function useNoticesOn(): boolean {
  return useSyncExternalStore(subscribe, isOn, () => false);
}

/** Asks the browser's user where they have not said yet. */
export async function setNotices(wanted: boolean): Promise<void> {
  if (wanted && (await Notification.requestPermission()) !== "granted") return;
  localStorage.setItem(KEY, wanted ? "on" : "off");
  dispatchEvent(new Event(CHANGED));
}
