/** A sample conversation beside the sign-in form, for people who have not seen one yet. */
import { Check, ListTodo } from "lucide-react";

export function Preview() {
  return (
    <figure
      aria-label="An example: you ask for a task, a tool adds it, the assistant confirms."
      className="bg-card/70 w-full max-w-lg rounded-2xl border p-4 text-sm shadow-sm backdrop-blur sm:p-5"
    >
      <div aria-hidden="true" className="grid gap-3">
        <p className="bg-secondary ml-auto w-fit rounded-2xl rounded-br-md px-4 py-2">add a task: buy milk</p>
        <p className="text-muted-foreground flex items-center gap-2">
          <ListTodo className="size-4 shrink-0" />
          <span className="min-w-0 truncate">Adding task “buy milk”</span>
          <span className="bg-brand-soft text-brand-text ml-auto flex shrink-0 items-center gap-1 rounded-full px-2 py-0.5 text-xs font-medium">
            <Check className="size-3" /> Success
          </span>
        </p>
        <p className="max-w-sm leading-relaxed">
          Done. <strong className="font-semibold">Buy milk</strong> is on your list now.
          <span className="bg-brand-text ml-1 inline-block h-4 w-0.5 translate-y-0.5 animate-pulse" />
        </p>
      </div>
    </figure>
  );
}
