"use client";

import { Bell, BellOff } from "lucide-react";

import { DropdownMenuItem } from "@/components/ui/dropdown-menu";

import { canNotify, setNotices, useNoticesOn } from "./preference";

/** Turns notifications on and off; absent where the browser has none. */
export function NoticesItem() {
  const isOn = useNoticesOn();
  if (!canNotify()) return null;
  return (
    <DropdownMenuItem onSelect={() => void setNotices(!isOn)}>
      {isOn ? <BellOff /> : <Bell />} {isOn ? "Notify me no more" : "Notify me when an answer waits or something is due"}
    </DropdownMenuItem>
  );
}
