/** What a notification says of an event of the user stream. */
import type { LiveEvent } from "@/features/live/user-stream";

export type Notice = Readonly<{ title: string; body: string; runId: string; conversationId: string }>;

/** Null where the event is none to be told of, or where the user sees it already in the page that is at `path`. */
export function noticeOf(event: LiveEvent, isVisible: boolean, path: string): Notice | null {
  if (event.kind === "run" && event.run.type === "run.waiting" && !isVisible) {
    const { run_id: runId, conversation_id: conversationId } = event.run;
    return { title: "Natter waits for you", body: "An answer needs your decision.", runId, conversationId };
  }
  if (event.kind === "schedule") {
    const { kind, text, is_late: isLate, run_id: runId, conversation_id: conversationId } = event.fired;
    if (isVisible && path.includes(conversationId)) return null;
    const what = kind === "reminder" ? "Reminder" : "Scheduled";
    return { title: isLate ? `${what} (late)` : what, body: text, runId, conversationId };
  }
  return null;
}
