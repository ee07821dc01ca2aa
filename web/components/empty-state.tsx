/** What a view shows when it has nothing to show, and what to do about it. */
import type { LucideIcon } from "lucide-react";

import { cn } from "@/lib/utils";

type Props = Readonly<{
  icon: LucideIcon;
  title: string;
  text: string;
  isError?: boolean;
  children?: React.ReactNode;
}>;

export function EmptyState({ icon: Icon, title, text, isError = false, children }: Props) {
  return (
    <div role={isError ? "alert" : undefined} className="grid justify-items-center gap-3 px-6 py-14 text-center">
      <span
        className={cn(
          "grid size-12 place-content-center rounded-2xl",
          isError ? "bg-destructive/10 text-destructive" : "bg-brand-soft text-brand-text",
        )}
      >
        <Icon className="size-6" aria-hidden="true" />
      </span>
      <div className="grid gap-1">
        <p className="font-semibold tracking-tight">{title}</p>
        <p className="text-muted-foreground max-w-sm text-sm text-pretty">{text}</p>
      </div>
      {children}
    </div>
  );
}
