/** Stop: the text stands still at once, then the server is told, and confirms it by ending the run. */

import { fillTemplate } from "../options/settings";
import type { ChatKitClient } from "../protocol/client";
import type { Turn } from "../state/app-state";
import { cancelRun, pause } from "./repeating";

/** The run's id comes with the headers of the answer, so a very early Stop waits for it. */
const RUN_ID_WAIT_MAX_MS = 3_000;
/** A run's end that has not been told by then may have been missed: the thread is loaded again. */
const STOP_CONFIRMATION_MAX_MS = 5_000;
const POLL_INTERVAL_MS = 50;

export interface StoppingHost {
  readonly client: ChatKitClient;
  /** Address template with `{run_id}`; null where the server has none. */
  readonly stopUrl: string | null;
  currentTurn(): Turn | null;
  setStopping(turnKey: number, isStopping: boolean): void;
  /** Closes the connection that the answer comes over. */
  hangUp(): void;
  onRefused(error: Error): void;
  /** The server took the request, and the turn is not over yet. */
  onUnconfirmed(): Promise<void>;
}

/** Stops the turn that is being written, if there is one. Never raises: a refusal is told to the host. */
export async function stopCurrentTurn(host: StoppingHost): Promise<void> {
  const turn = host.currentTurn();
  if (!turn || turn.isStopping) return;
  host.setStopping(turn.key, true);
  const isOver = () => host.currentTurn()?.key !== turn.key;
  const runId = () => host.currentTurn()?.runId ?? null;
  if (host.stopUrl) await waitUntil(() => isOver() || runId() !== null, RUN_ID_WAIT_MAX_MS);
  if (isOver()) return;
  const stoppedRun = runId();
  // A ChatKit server without an address for Stop notices that nobody is listening any more.
  if (!host.stopUrl || stoppedRun === null) return host.hangUp();
  try {
    await cancelRun(host.client, fillTemplate(host.stopUrl, { run_id: stoppedRun }));
  } catch (error) {
    host.setStopping(turn.key, false);
    host.onRefused(error as Error);
    return;
  }
  await waitUntil(isOver, STOP_CONFIRMATION_MAX_MS);
  if (!isOver()) await host.onUnconfirmed();
}

async function waitUntil(condition: () => boolean, limitMs: number): Promise<void> {
  const until = Date.now() + limitMs;
  while (!condition() && Date.now() < until) await pause(POLL_INTERVAL_MS);
}
