import { cn } from "@/lib/utils";

type Props = Readonly<{ label?: string; figures: readonly (readonly [label: string, value: React.ReactNode])[]; isWide?: boolean }>;

/** Some figures side by side, each with what it is. */
export function Figures({ label, figures, isWide = false }: Props) {
  return (
    <dl aria-label={label} className={cn("grid grid-cols-2 gap-3", isWide ? "sm:grid-cols-3" : "sm:grid-cols-6")}>
      {figures.map(([name, value]) => (
        <div key={name} className="min-w-0 rounded-md border p-3">
          <dt className="text-muted-foreground text-xs">{name}</dt>
          <dd className={cn("font-semibold break-words tabular-nums", isWide ? "text-sm" : "text-xl")}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
