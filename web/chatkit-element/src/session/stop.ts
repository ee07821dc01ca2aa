/** Stop: at once on the screen, then confirmed by the server. */

import { ChatKitRequestError } from "../protocol/errors";
import { fillTemplate } from "../options/settings";
import type { Conversation } from "./conversation";

const CANCEL_TRIES_MAX = 4;
const CANCEL_RETRY_DELAY_MS = 500;
/** How long the server's word that the run ended may take before we ask for the state. */
const CONFIRMATION_MAX_MS = 5_000;
/** The run's id comes with the headers of the answer. */
const RUN_ID_WAIT_MAX_MS = 3_000;
const POLL_INTERVAL_MS = 50;

export async function stopTurn(conversation: Conversation): Promise<void> {
  const { turn } = conversation.state;
  if (!turn || turn.isStopping) return;
  conversation.update({ turn: { ...turn, isStopping: true } });
  const { stopUrl } = conversation.host.settings;
  if (!stopUrl) {
    closeAnswers(conversation);
    return;
  }
  const isSameTurn = () => conversation.state.turn?.key === turn.key;
  await waitUntil(() => !isSameTurn() || conversation.state.turn?.runId != null, RUN_ID_WAIT_MAX_MS);
  const runId = conversation.state.turn?.runId;
  if (!isSameTurn()) return;
  if (!runId) {
    closeAnswers(conversation);
    return;
  }
  if (!(await cancel(conversation, fillTemplate(stopUrl, { run_id: runId })))) {
    if (isSameTurn() && conversation.state.turn) conversation.update({ turn: { ...conversation.state.turn, isStopping: false } });
    conversation.notify({ level: "danger", message: "", code: "stop_failed", canRetry: false });
    return;
  }
  await waitUntil(() => !isSameTurn(), CONFIRMATION_MAX_MS);
  if (isSameTurn()) await conversation.loader.reload();
}

/** Without an address for it, closing the connection is the only way to tell a ChatKit server to stop. */
function closeAnswers(conversation: Conversation): void {
  conversation.abortAnswers();
  conversation.turns.end();
}

async function cancel(conversation: Conversation, url: string): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    try {
      await conversation.host.client.request(url, { method: "POST" });
      return true;
    } catch (error) {
      if (!(error instanceof ChatKitRequestError)) throw error;
      // The run is over already: there is nothing to stop.
      if (error.status === 404 || error.status === 409 || error.status === 410) return true;
      if (!error.isTransient || tries >= CANCEL_TRIES_MAX) {
        conversation.host.reportError(error);
        return false;
      }
      await new Promise((resolve) => setTimeout(resolve, CANCEL_RETRY_DELAY_MS));
    }
  }
}

async function waitUntil(condition: () => boolean, limitMs: number): Promise<void> {
  const until = Date.now() + limitMs;
  while (!condition() && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
}
