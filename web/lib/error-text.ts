/** What people read when something fails: one text per stable error code. Those of accounts: account-text.ts. */
import type { Code } from "@/generated/contracts.gen";

const AGAIN = "Natter is not answering right now. Try again in a moment.";

/** Codes of this origin (server/problem.ts): `unavailable` means that a service does not answer at all. */
export type OriginCode = "cross_origin" | "unavailable";

/** The services' codes, from contracts/: a new code is a compile error here until it has a text. */
export const SERVICE_TEXT: Record<Code, string> = {
  unauthenticated: "You are signed out. Sign in again to go on.",
  token_revoked: "You were signed out everywhere. Sign in again to go on.",
  proof_refused: AGAIN,
  forbidden: "This belongs to someone else.",
  operator_only: "This is for those who operate Natter.",
  not_found: "This does not exist any more.",
  item_gone: "What this belongs to is not there any more.",
  method_not_allowed: "Natter cannot do that here.",
  invalid_request: "Natter cannot accept that. Change it and try again.",
  not_supported: "Natter cannot do that yet.",
  payload_too_large: "That is too large to send.",
  conversation_busy: "An answer is still being written here. Try again when it is done.",
  conversation_locked: "This conversation is closed for new messages.",
  idempotency_key_reused: "This was sent before with other words. Send it again.",
  rate_limited: "That was a lot at once. Wait a moment, then try again.",
  usage_exceeded: "You have used as much as you may for now. Please come back later.",
  quota_exceeded: "You have stored as much as you may here. Delete what you need no more, then try again.",
  too_many_runs: "Several answers are being written already. Wait for one of them.",
  too_many_streams: "Natter is open in too many tabs. Close one of them.",
  assistant_unknown: "There is no such assistant here. Choose another one.",
  assistant_not_served: "This assistant is not offered any more. Start a new conversation.",
  webhook_failed: "The receiver could not be told.",
  action_unfinished: "This takes longer than expected. It goes on, and shows here when it is done.",
  attachment_unfinished: "A file is still being uploaded. Wait until it is there, then send again.",
  attachment_not_readable: "The assistant cannot look at a file of this type. Choose another model, or another file.",
  attachment_in_use: "This file belongs to another conversation. Upload it here once more.",
  attachment_type_not_allowed: "Files of this kind are not taken here. Choose another one.",
  attachment_unreadable: "This picture could not be read, or is too large. Choose another one.",
  attachment_refused: "This file did not pass the check for harmful content. Choose another one.",
  run_stale_epoch: "This answer was taken over elsewhere.",
  run_leased: "This answer is being written elsewhere.",
  run_waiting: "This answer waits for you.",
  decision_taken: "This was decided already.",
  run_finished: "This answer is finished already.",
  run_attempts_exhausted: "The answer failed several times. Send your message again.",
  run_turns_exceeded: "The answer took too many steps and was stopped.",
  run_tokens_exceeded: "The answer grew too long and was stopped.",
  run_time_exceeded: "The answer took too long and was stopped.",
  model_unavailable: "The model is not answering right now. Try again in a moment.",
  model_rate_limited: "The model is busy. Try again in a moment.",
  model_timeout: "The model took too long. Try again.",
  model_refused_key: "The model does not accept this server's key. Tell whoever runs it.",
  model_not_allowed: "This model may not be used here.",
  model_context_exceeded: "This conversation is too long for the model. Start a new one.",
  model_rejected_request: "The model did not accept this message. Change it and try again.",
  model_bad_response: "The model gave an answer that cannot be read. Try again.",
  model_content_filtered: "The model's content filter stopped this answer. Ask in other words.",
  model_answer_cut_off: "The answer was cut off at its greatest length. Write “continue” for the rest.",
  tool_failed: "A tool failed. Try again.",
  assistant_failed: "The assistant made a mistake. Try again.",
  guardrail_tripped: "The assistant's rules stopped this answer. Ask in other words.",
  overloaded: AGAIN,
  identity_unavailable: AGAIN,
  client_disconnected: "The connection was lost before this was sent. Try again.",
  store_unavailable: AGAIN,
  file_store_unavailable: AGAIN,
  scanner_unavailable: AGAIN,
  bus_unavailable: AGAIN,
  deadline_exceeded: AGAIN,
  unknown_message: "This page is older than the server. Load it again.",
  internal: "Something went wrong. Try again.",
};

const ORIGIN_TEXT: Record<OriginCode, string> = {
  cross_origin: "This request did not come from Natter's own pages.",
  unavailable: AGAIN,
};

const TEXT_BY_CODE: Record<string, string> = {
  ...SERVICE_TEXT,
  ...ORIGIN_TEXT,
  // The browser
  offline: "You are offline. Try again once you are connected.",
};

const TEXT_BY_STATUS: Record<number, string> = {
  401: "You are signed out. Sign in again to go on.",
  403: "This belongs to someone else.",
  404: "This does not exist any more.",
  409: "Something else is still going on here. Try again when it is done.",
  413: "That is too large to send.",
  422: "Natter cannot accept that. Change it and try again.",
  429: "That was a lot at once. Wait a moment, then try again.",
  503: "Natter is not answering right now. Try again in a moment.",
};

const FALLBACK = "Something went wrong. Try again.";

export type Failure = { code?: string | undefined; status?: number | undefined };

/** The text for a code where we have one, else for the HTTP status, else a general one. */
export function errorText(failure: Failure): string {
  const byCode = failure.code === undefined ? undefined : TEXT_BY_CODE[failure.code];
  const byStatus = failure.status === undefined ? undefined : TEXT_BY_STATUS[failure.status];
  return byCode ?? byStatus ?? FALLBACK;
}
