/** Which words stand for which code, where a failure brings no words of its own. */

import type { Failure } from "../protocol/errors";
import type { Locale } from "./locale";
import type { TextKey } from "./locales/en";

/** A run can fail with any of these codes of contracts/. */
const OF_RUN: Record<string, TextKey> = {
  run_attempts_exhausted: "errorRunAttempts",
  run_turns_exceeded: "errorRunTooLong",
  run_tokens_exceeded: "errorRunTooLong",
  run_time_exceeded: "errorRunTooLong",
  model_unavailable: "errorModelAway",
  model_rate_limited: "errorModelAway",
  model_timeout: "errorModelAway",
  model_refused_key: "errorModelRefused",
  model_not_allowed: "errorModelRefused",
  model_rejected_request: "errorModelRejected",
  model_bad_response: "errorModelRejected",
  model_context_exceeded: "errorModelContext",
  model_content_filtered: "errorModelFiltered",
  model_answer_cut_off: "errorModelCutOff",
  assistant_not_served: "errorAssistantGone",
  tool_failed: "errorTool",
  assistant_failed: "errorAssistant",
  guardrail_tripped: "errorGuardrail",
  internal: "errorRunFailed",
};

/** Codes that have words of their own; the others get a general sentence with the code. */
export const TEXT_BY_CODE: Record<string, TextKey> = {
  ...OF_RUN,
  run_failed: "errorRunFailed",
  run_waiting: "errorRunWaiting",
  connection_lost: "errorConnection",
  network: "errorNetwork",
  stop_failed: "errorStop",
  feedback_failed: "errorFeedback",
  client_tool_failed: "errorClientTool",
  client_secret: "errorSignIn",
  upload_interrupted: "errorUploadInterrupted",
  attachment_type_not_allowed: "errorFileKind",
  attachment_unreadable: "errorFileUnreadable",
  attachment_refused: "errorFileRefused",
  attachment_unfinished: "errorFileUnfinished",
  file_store_unavailable: "errorFilesAway",
  scanner_unavailable: "errorFilesAway",
  microphone_denied: "errorMicrophoneDenied",
  microphone_missing: "errorMicrophoneMissing",
  nothing_heard: "nothingHeard",
};

export function failureText({ text }: Locale, { code, message }: Failure): string {
  const known = TEXT_BY_CODE[code];
  return known ? text(known) : message;
}
