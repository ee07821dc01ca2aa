"use client";

import { CalendarClock, Gauge, LogOut, Settings } from "lucide-react";
import Link from "next/link";
import { useState } from "react";

import { Avatar, AvatarFallback } from "@/components/ui/avatar";
import { Button } from "@/components/ui/button";
import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuLabel,
  DropdownMenuSeparator,
  DropdownMenuTrigger,
} from "@/components/ui/dropdown-menu";
import { signOut } from "@/features/auth/leaving";
import { NoticesItem } from "@/features/notices/notices-item";
import { errorText } from "@/lib/error-text";

export function AccountMenu({ user }: { user: { name: string; email: string; isOperator: boolean } }) {
  const [failure, setFailure] = useState<string | null>(null);
  async function leave(event: Event) {
    event.preventDefault();
    setFailure(null);
    const failed = await signOut().catch(() => ({ code: "unavailable" }));
    if (failed) setFailure(errorText(failed));
  }
  return (
    <DropdownMenu modal={false}>
      <DropdownMenuTrigger asChild>
        <Button variant="ghost" size="icon" className="rounded-full" aria-label="Account">
          <Avatar>
            <AvatarFallback className="bg-brand-soft text-brand-text text-sm font-semibold uppercase">
              {user.name.slice(0, 1)}
            </AvatarFallback>
          </Avatar>
        </Button>
      </DropdownMenuTrigger>
      <DropdownMenuContent align="end" className="w-60">
        <DropdownMenuLabel className="grid gap-0.5">
          <span className="truncate">{user.name}</span>
          <span className="text-muted-foreground truncate text-xs font-normal">{user.email}</span>
        </DropdownMenuLabel>
        <DropdownMenuSeparator />
        <DropdownMenuItem asChild>
          <Link href="/dashboard/account">
            <Settings /> Account
          </Link>
        </DropdownMenuItem>
        <DropdownMenuItem asChild>
          <Link href="/dashboard/automation">
            <CalendarClock /> Automation
          </Link>
        </DropdownMenuItem>
        {user.isOperator && (
          <DropdownMenuItem asChild>
            <Link href="/operator">
              <Gauge /> Operator
            </Link>
          </DropdownMenuItem>
        )}
        <NoticesItem />
        <DropdownMenuItem onSelect={leave}>
          <LogOut /> Sign out
        </DropdownMenuItem>
        {failure && (
          <p role="alert" className="text-destructive px-2 py-1.5 text-sm">
            {failure}
          </p>
        )}
      </DropdownMenuContent>
    </DropdownMenu>
  );
}
