"use client";

import { ListTodo, MessageCircle } from "lucide-react";
import Link from "next/link";
import { usePathname } from "next/navigation";

import { BrandMark } from "@/components/brand";
import { useChatUrl } from "@/features/chat/use-conversation";
import { ThemeMenu } from "@/features/theme/theme-menu";
import { cn } from "@/lib/utils";

import { AccountMenu } from "./account-menu";

const CHAT_PATH = "/dashboard/chat";
const TASKS_PATH = "/dashboard";

export function AppHeader({ user }: { user: { name: string; email: string; isOperator: boolean } }) {
  const pathname = usePathname();
  const chatUrl = useChatUrl();
  const links = [
    { href: chatUrl, path: CHAT_PATH, label: "Chat", icon: MessageCircle },
    { href: TASKS_PATH, path: TASKS_PATH, label: "Tasks", icon: ListTodo },
  ];
  return (
    <header className="bg-background/80 z-40 flex h-14 shrink-0 items-center gap-2 border-b px-3 backdrop-blur sm:gap-6 sm:px-5">
      <Link href={chatUrl} aria-label="Natter" className="flex items-center gap-2.5 rounded-md p-1">
        <BrandMark />
        <span className="hidden text-lg font-semibold tracking-tight sm:inline">natter</span>
      </Link>
      <nav aria-label="Main" className="flex gap-1">
        {links.map(({ href, path, label, icon: Icon }) => {
          const isHere = pathname === path;
          return (
            <Link
              key={path}
              href={href}
              aria-current={isHere ? "page" : undefined}
              className={cn(
                "focus-visible:ring-ring/50 flex h-9 items-center gap-2 rounded-md px-3 text-sm font-medium outline-none transition-colors focus-visible:ring-[3px]",
                isHere ? "bg-accent text-foreground" : "text-muted-foreground hover:bg-accent hover:text-foreground",
              )}
            >
              <Icon className="size-4" aria-hidden="true" />
              {label}
            </Link>
          );
        })}
      </nav>
      <div className="ml-auto flex items-center gap-1">
        <ThemeMenu />
        <AccountMenu user={user} />
      </div>
    </header>
  );
}
