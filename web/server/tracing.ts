/**
 * Spans of the requests that are passed on, for a collector, where one is named; the headers then continue the trace.
 * Else OpenTelemetry is not loaded (server/tracing-sdk.ts has it), and a browser's `traceparent` passes as it came.
 */
import { namesCollector } from "./settings";

export type ServerSpan = Readonly<{
  /** What the service gets instead of the headers of these names; null: it gets none. */
  headers: Readonly<Record<"traceparent" | "tracestate", string | null>>;
  end(status: number): void;
}>;

export type Tracing = Readonly<{
  begin(request: Request, route: string | null): ServerSpan;
  stop(): Promise<void>;
}>;

const LAST_SPANS_MILLISECONDS_MAX = 1_000;

/** Next bundles this module more than once, hence global. */
const shared = globalThis as typeof globalThis & { natterTracing?: Tracing };

export async function startTracing(): Promise<void> {
  if (!namesCollector()) return;
  const { makeTracing } = await import("./tracing-sdk");
  shared.natterTracing = makeTracing();
}

/** Undefined where no collector is named. */
export function getTracing(): Tracing | undefined {
  return shared.natterTracing;
}

/** Sends what is left, for a bounded time: a collector that is away holds up no end. */
export async function stopTracing(): Promise<void> {
  const sent = shared.natterTracing?.stop().catch(() => undefined);
  shared.natterTracing = undefined;
  if (sent === undefined) return;
  let giveUp: NodeJS.Timeout | undefined;
  const tooLong = new Promise<void>((resolve) => (giveUp = setTimeout(resolve, LAST_SPANS_MILLISECONDS_MAX)));
  await Promise.race([sent, tooLong]);
  clearTimeout(giveUp);
}
