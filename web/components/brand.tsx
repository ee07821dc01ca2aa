/** Natter's mark and name. */
import { cn } from "@/lib/utils";

export function BrandMark({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" className={cn("size-7", className)}>
      <path
        d="M9 2h14a7 7 0 0 1 7 7v10a7 7 0 0 1-7 7H12l-6.3 4.6A1 1 0 0 1 4 29.8V24.3A7 7 0 0 1 2 19V9a7 7 0 0 1 7-7Z"
        fill="#0fff50"
      />
      <path
        d="M11 19.5V10m0 4.6C11 11.6 13 10 16 10s5 1.6 5 4.6v4.9"
        fill="none"
        stroke="#02240d"
        strokeWidth="3"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}

export function Brand() {
  return (
    <span className="flex items-center gap-2.5">
      <BrandMark />
      <span className="text-lg font-semibold tracking-tight">natter</span>
    </span>
  );
}
