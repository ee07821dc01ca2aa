"use client";

import { RotateCw } from "lucide-react";
import { useState } from "react";

import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";

import type { AutomationApi, Delivery } from "./automation-api";
import { When } from "./list-parts";
import { textOf } from "./use-rows";

const STATUS: Record<Delivery["status"], string> = { retrying: "Is told again", delivered: "Told", given_up: "Given up" };
const EVENT: Record<NonNullable<Delivery["event"]>, string> = {
  "run.completed": "Finished",
  "run.failed": "Failed",
  "run.cancelled": "Stopped",
};

type Props = Readonly<{ api: AutomationApi; webhookId: string; url: string }>;

/** How the webhook was told of the last ends; read when it is opened. */
export function Deliveries({ api, webhookId, url }: Props) {
  const [rows, setRows] = useState<readonly Delivery[]>();
  const [failure, setFailure] = useState<string | null>(null);
  async function read(before: () => Promise<unknown> = async () => undefined) {
    try {
      await before();
      setRows(await api.deliveries(webhookId));
      setFailure(null);
    } catch (error) {
      setFailure(textOf(error));
    }
  }
  return (
    <details onToggle={({ currentTarget }) => currentTarget.open && void read()}>
      <summary className="w-fit cursor-pointer rounded-sm underline underline-offset-4">Last deliveries</summary>
      <div className="grid gap-2 py-2">
        {failure !== null && (
          <p role="alert" className="text-destructive">
            {failure}
          </p>
        )}
        {rows?.length === 0 && <p className="text-muted-foreground">Nothing was told yet.</p>}
        <ul aria-label={`Deliveries to ${url}`} className="grid gap-2 empty:hidden">
          {rows?.map((delivery) => (
            <DeliveryRow key={delivery.run_id} delivery={delivery} onAgain={() => read(() => api.sendAgain(webhookId, delivery.run_id))} />
          ))}
        </ul>
        {rows !== undefined && (
          <Button size="sm" variant="outline" className="justify-self-start" onClick={() => void read()}>
            <RotateCw /> Refresh
          </Button>
        )}
      </div>
    </details>
  );
}

function DeliveryRow({ delivery, onAgain }: { delivery: Delivery; onAgain: () => Promise<void> }) {
  const { status, event, attempts_count: attempts, error } = delivery;
  return (
    <li className="flex flex-wrap items-center gap-2 rounded-md border px-3 py-2">
      <Badge variant={status === "given_up" ? "outline" : "secondary"}>{STATUS[status]}</Badge>
      <span>
        {event === null ? "Deleted since" : EVENT[event]}, <When at={delivery.last_attempt_at} />
        {attempts > 1 && `, ${attempts} attempts`}
      </span>
      {/* One that is deleted since cannot be told any more. */}
      {status !== "retrying" && event !== null && (
        <Button size="sm" variant="ghost" className="ml-auto" onClick={onAgain}>
          Send again
        </Button>
      )}
      {error !== null && <p className="text-destructive basis-full">{error}</p>}
    </li>
  );
}
