// Generated from contracts/ by `make generate`: edit the registry, not this file.

/**
 * This interface was referenced by `Natter`'s JSON-Schema
 * via the `definition` "Code".
 */
export type Code =
  | "unauthenticated"
  | "token_revoked"
  | "proof_refused"
  | "forbidden"
  | "operator_only"
  | "not_found"
  | "item_gone"
  | "method_not_allowed"
  | "invalid_request"
  | "not_supported"
  | "payload_too_large"
  | "conversation_busy"
  | "conversation_locked"
  | "idempotency_key_reused"
  | "rate_limited"
  | "too_many_runs"
  | "quota_exceeded"
  | "usage_exceeded"
  | "too_many_streams"
  | "assistant_unknown"
  | "assistant_not_served"
  | "action_unfinished"
  | "webhook_failed"
  | "attachment_unfinished"
  | "attachment_in_use"
  | "attachment_not_readable"
  | "attachment_type_not_allowed"
  | "attachment_unreadable"
  | "attachment_refused"
  | "run_stale_epoch"
  | "run_leased"
  | "run_finished"
  | "run_waiting"
  | "decision_taken"
  | "run_attempts_exhausted"
  | "run_turns_exceeded"
  | "run_tokens_exceeded"
  | "run_time_exceeded"
  | "model_unavailable"
  | "model_rate_limited"
  | "model_timeout"
  | "model_refused_key"
  | "model_not_allowed"
  | "model_context_exceeded"
  | "model_rejected_request"
  | "model_bad_response"
  | "model_content_filtered"
  | "model_answer_cut_off"
  | "tool_failed"
  | "assistant_failed"
  | "guardrail_tripped"
  | "overloaded"
  | "identity_unavailable"
  | "client_disconnected"
  | "store_unavailable"
  | "file_store_unavailable"
  | "scanner_unavailable"
  | "bus_unavailable"
  | "deadline_exceeded"
  | "unknown_message"
  | "internal";

export interface Natter {
  [k: string]: unknown;
}
/**
 * A conversation is gone: the last that its stream carries, and on the user's stream for every list of theirs.
 *
 * This interface was referenced by `Natter`'s JSON-Schema
 * via the `definition` "ConversationDeleted".
 */
export interface ConversationDeleted {
  type?: "conversation.deleted";
  conversation_id: string;
}
/**
 * ``at``: the moment, kept in UTC. ``zone``: the IANA time zone in which it was meant; the moment stays what it is
 * when the person travels, and what comes again keeps its hour there when the clocks change.
 *
 * ``all_day``: the day alone was meant; ``at`` is where it begins in ``zone``.
 *
 * This interface was referenced by `Natter`'s JSON-Schema
 * via the `definition` "Due".
 */
export interface Due {
  at: string;
  zone: string;
  all_day?: boolean;
  recurrence?: string | null;
}
/**
 * The control frame ``reset``: what was asked for is no longer in DELTAS; the stored items follow.
 *
 * This interface was referenced by `Natter`'s JSON-Schema
 * via the `definition` "Reset".
 */
export interface Reset {
  reason: "expired" | "unknown_id" | "slow_viewer";
}
/**
 * A control frame of a run: where it stands. Published by the runner (started, restarted) or the store (the rest).
 *
 * ``wait``: with `run.waiting` and `run.resumed`, the number of the wait, from 1 on.
 *
 * This interface was referenced by `Natter`'s JSON-Schema
 * via the `definition` "RunEvent".
 */
export interface RunEvent {
  type:
    "run.started" | "run.restarted" | "run.waiting" | "run.resumed" | "run.completed" | "run.failed" | "run.cancelled";
  run_id: string;
  conversation_id: string;
  epoch: number;
  code?: string | null;
  wait?: number | null;
}
/**
 * A schedule or a todo's reminder has begun a turn that nobody was waiting for; shown on the user's stream.
 *
 * This interface was referenced by `Natter`'s JSON-Schema
 * via the `definition` "ScheduleFired".
 */
export interface ScheduleFired {
  type?: "schedule.fired";
  schedule_id: string;
  kind: "reminder" | "prompt";
  text: string;
  due_at: string;
  is_late: boolean;
  task_id?: string | null;
  conversation_id: string;
  run_id: string;
}
/**
 * A file that belongs to a todo.
 *
 * This interface was referenced by `Natter`'s JSON-Schema
 * via the `definition` "TaskAttachment".
 */
export interface TaskAttachment {
  attachment_id: string;
  name: string;
  mime_type: string;
}
/**
 * A todo was added, updated or deleted; shown on the user's stream.
 *
 * This interface was referenced by `Natter`'s JSON-Schema
 * via the `definition` "TaskChanged".
 */
export interface TaskChanged {
  type: "task.added" | "task.updated" | "task.deleted";
  task: TaskView;
}
/**
 * A todo. ``position``: where it is in the list, the smallest first; of two lists no more can be said.
 *
 * This interface was referenced by `Natter`'s JSON-Schema
 * via the `definition` "TaskView".
 */
export interface TaskView {
  task_id: string;
  title: string;
  description?: string | null;
  completed: boolean;
  due?: Due | null;
  position?: number;
  attachments?: TaskAttachment[];
  created_at: string;
  updated_at: string;
}
