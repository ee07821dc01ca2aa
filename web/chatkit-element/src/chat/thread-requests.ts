/** What a person asks of a thread beside sending a message: try again, edit, answer a question, press a widget's button. */

import type { StreamingRequest } from "../protocol/client";
import { isAbort } from "../protocol/errors";
import type { StructuredAnswer, UserMessageInput } from "../protocol/types";
import { truncateAfter, truncateBefore } from "../state/thread-reducer";
import type { ThreadState } from "../state/thread-state";

export interface ThreadRequestsHost {
  thread(): ThreadState;
  /** An answer is being written, after which the items may be others. */
  isAnswering(): boolean;
  updateThread(change: (thread: ThreadState) => ThreadState): void;
  /** Resolves once the server accepted the request; raises if it did not. */
  request(request: StreamingRequest): Promise<void>;
  onRefusal(error: Error): void;
}

export class ThreadRequests {
  constructor(private readonly host: ThreadRequestsHost) {}

  /** Removes what came after a message of the user's, and has that message answered again. */
  async retryAfter(itemId: string): Promise<void> {
    const { id, items } = this.host.thread();
    if (!id || this.host.isAnswering()) return;
    this.host.updateThread((thread) => truncateAfter(thread, itemId));
    const isAccepted = await this.ask({ type: "threads.retry_after_item", params: { thread_id: id, item_id: itemId } });
    if (!isAccepted) this.host.updateThread((thread) => ({ ...thread, items }));
  }

  /** Sends another version of a message of the user's. Returns whether the server accepted it. */
  async edit(itemId: string, input: UserMessageInput): Promise<boolean> {
    const { id, items } = this.host.thread();
    if (!id || this.host.isAnswering()) return false;
    this.host.updateThread((thread) => truncateBefore(thread, itemId));
    const params = { thread_id: id, input };
    const isAccepted = await this.ask({ type: "threads.add_user_message", params, editedId: itemId });
    if (!isAccepted) this.host.updateThread((thread) => ({ ...thread, items }));
    return isAccepted;
  }

  /** Answers or skips questions. If that fails they stay on screen. */
  async submitStructuredInput(
    itemId: string,
    status: "answered" | "skipped",
    answers: Record<string, StructuredAnswer>,
  ): Promise<void> {
    const { id } = this.host.thread();
    if (!id) return;
    const params = { thread_id: id, item_id: itemId, input: { status, answers } };
    await this.ask({ type: "threads.add_structured_input", params });
  }

  /** Raises if there is no thread yet. */
  async customAction(action: { type: string; payload?: unknown }, itemId: string | undefined): Promise<void> {
    const { id } = this.host.thread();
    if (!id) throw new Error("sendCustomAction needs a thread.");
    const params = { thread_id: id, action, ...(itemId && { item_id: itemId }) };
    await this.ask({ type: "threads.custom_action", params });
  }

  /** Returns whether the server accepted the request; if it did not, that is reported, and shown. */
  async ask(request: StreamingRequest): Promise<boolean> {
    try {
      await this.host.request(request);
      return true;
    } catch (error) {
      if (!isAbort(error)) this.host.onRefusal(error as Error);
      return false;
    }
  }
}
