/** What a durable server stores about turns beside their items: versions, failures, stops. */

import type { ThreadItem } from "../protocol/types";

/** A turn of the branch that is shown, as `GET …/turns` has it. Versions are run ids, oldest first, its own included. */
export interface StoredTurn {
  run_id: string;
  /** The item that the turn answers. */
  message_id: string;
  status: string;
  error_code: string | null;
  message_versions: readonly string[];
  answer_versions: readonly string[];
}

/** Codes of failures that would come again if the model were asked again. */
const RETRY_CANNOT_HELP = new Set(["model_refused_key", "model_not_allowed", "model_context_exceeded", "assistant_not_served"]);

export function canRetryTurn({ status, error_code: code }: StoredTurn): boolean {
  return status === "failed" && !RETRY_CANNOT_HELP.has(code ?? "");
}

/** A stopped answer, or one that was cut off at its greatest length, can go on. */
export function canContinueTurn({ status, error_code: code }: StoredTurn): boolean {
  return status === "cancelled" || code === "model_answer_cut_off";
}

/** The stored turn that the items end in, or null. `before`: the one that they begin in, if no message of the user is among them. */
export function turnAtEnd(items: readonly ThreadItem[], turns: readonly StoredTurn[], before: StoredTurn | null = null): StoredTurn | null {
  if (turns.length === 0) return null;
  for (let index = items.length - 1; index >= 0; index--) {
    const item = items[index] as ThreadItem;
    const told = turns.find((turn) => turn.message_id === item.id);
    if (told || item.type === "user_message") return told ?? null;
  }
  return before;
}

/** Whether the assistant has said anything in answer to the turn's message. */
export function hasAnswer(items: readonly ThreadItem[], { message_id: messageId }: StoredTurn): boolean {
  const from = items.findIndex((item) => item.id === messageId) + 1;
  for (const item of items.slice(from)) {
    if (item.type === "user_message") return false;
    if (item.type === "assistant_message" && item.content.some((part) => part.text.trim() !== "")) return true;
  }
  return false;
}
