/** The frames of the user stream that the pages react to. */
import type { SseFrame } from "@/chatkit-element/src/protocol/sse";
import type { ConversationDeleted, Reset, RunEvent, ScheduleFired, TaskChanged } from "@/generated/contracts.gen";

export type Frame =
  | Readonly<{ kind: "run"; run: RunEvent }>
  | Readonly<{ kind: "task"; change: TaskChanged }>
  /** Many tasks changed at once: whoever shows them reads them again. */
  | Readonly<{ kind: "tasks" }>
  /** A turn has begun that nobody asked for in this moment. */
  | Readonly<{ kind: "schedule"; fired: ScheduleFired }>
  | Readonly<{ kind: "reset"; reset: Reset }>
  /** A conversation has another title, or is pinned or archived. */
  | Readonly<{ kind: "conversation" }>
  | Readonly<{ kind: "conversation_deleted"; conversationId: string }>;

const CONVERSATION_CHANGED = '{"type":"thread.updated"';

/** Null for other ChatKit events (which have no event name), for unknown names, and for what is not JSON. */
export function readFrame({ event, data }: Pick<SseFrame, "event" | "data">): Frame | null {
  // Every word of an answer is such a frame: the name alone says that it needs no parsing.
  if (data.startsWith(CONVERSATION_CHANGED)) return { kind: "conversation" };
  switch (event) {
    case "run":
      return parsed<RunEvent>(data, (run) => ({ kind: "run", run }));
    case "task":
      return parsed<TaskChanged>(data, (change) => ({ kind: "task", change }));
    case "schedule":
      return parsed<ScheduleFired>(data, (fired) => ({ kind: "schedule", fired }));
    case "tasks":
      return { kind: "tasks" };
    case "conversation":
      return parsed<ConversationDeleted>(data, ({ conversation_id: id }) => ({ kind: "conversation_deleted", conversationId: id }));
    case "reset":
      return parsed<Reset>(data, (reset) => ({ kind: "reset", reset }));
    default:
      return null;
  }
}

function parsed<Body>(data: string, toFrame: (body: Body) => Frame): Frame | null {
  try {
    return toFrame(JSON.parse(data) as Body);
  } catch {
    return null;
  }
}
