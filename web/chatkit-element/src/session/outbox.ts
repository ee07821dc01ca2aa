/** What the person sent and the server has not yet shown back: delivered in order, one turn after the other. */

import type { StreamingRequest } from "../protocol/client";
import { failureOf, isAbort } from "../protocol/errors";
import { textOf } from "../protocol/text";
import type { UserMessageItem } from "../protocol/types";
import type { OutgoingMessage } from "../state/app-state";
import { requestAnswer } from "./answer";
import type { Conversation } from "./conversation";

export class Outbox {
  private isFlushing = false;

  constructor(private readonly conversation: Conversation) {}

  get hasWaiting(): boolean {
    return this.messages.some((message) => message.status === "queued" || message.status === "sending");
  }

  private get messages(): readonly OutgoingMessage[] {
    return this.conversation.state.outbox;
  }

  /** Resolves once the message is the server's, or visibly waits or failed. */
  async add(message: Pick<OutgoingMessage, "input" | "attachments">): Promise<void> {
    const entry: OutgoingMessage = {
      ...message,
      key: crypto.randomUUID(),
      status: "queued",
      error: null,
      createdAtMs: Date.now(),
    };
    this.change([...this.messages, entry]);
    await this.flush();
  }

  /** Send again what failed or was left over. The key stays: what the server has already, it will not do twice. */
  async resend(key: string): Promise<void> {
    this.patch(key, { status: "queued", error: null });
    await this.flush();
  }

  discard(key: string): OutgoingMessage | null {
    const message = this.messages.find((candidate) => candidate.key === key) ?? null;
    this.change(this.messages.filter((candidate) => candidate.key !== key));
    return message;
  }

  /** What was not delivered before a refresh waits for the person's decision. */
  restore(): void {
    const { threadId, host, state } = this.conversation;
    // A message that was on its way may have arrived: then it is the last one there.
    const last = state.thread.items.findLast((item) => item.type === "user_message");
    const hasArrived = ({ status, input }: OutgoingMessage) => status === "sending" && last !== undefined && textOf(input.content) === textOf(last.content);
    const known = new Set(this.messages.map((message) => message.key));
    const left = host.storage
      .readOutbox(threadId)
      .filter((message) => !known.has(message.key) && !hasArrived(message))
      .map((message): OutgoingMessage => ({ ...message, status: "restored", error: null }));
    if (left.length > 0) this.change([...left, ...this.messages]);
  }

  /** The conversation has an id now: what waits for it is kept under that id. */
  onThreadCreated(): void {
    this.conversation.host.storage.writeOutbox(null, []);
    this.change(this.messages);
  }

  /** The server shows the message: ours need not be shown any more. */
  onShown(item: UserMessageItem): void {
    const text = textOf(item.content);
    const mine = this.messages.find(
      (message) => (message.status === "sending" || message.status === "accepted") && textOf(message.input.content) === text,
    );
    if (mine) this.change(this.messages.filter((message) => message !== mine));
  }

  async flush(): Promise<void> {
    if (this.isFlushing) return;
    this.isFlushing = true;
    try {
      for (let next = this.next(); next; next = this.next()) await this.deliver(next);
    } finally {
      this.isFlushing = false;
    }
  }

  private next(): OutgoingMessage | null {
    const { host, state } = this.conversation;
    if (this.conversation.isClosed || state.isLoading || !host.isOnline()) return null;
    const isCreating = state.thread.id === null && state.turn !== null;
    const canQueueThere = this.conversation.isDurable && host.settings.onBusy !== null && !isCreating;
    if (state.turn && !canQueueThere) return null;
    return this.messages.find((message) => message.status === "queued") ?? null;
  }

  private async deliver(message: OutgoingMessage): Promise<void> {
    const { conversation } = this;
    this.patch(message.key, { status: "sending", error: null });
    try {
      await requestAnswer(conversation, this.request(message), message.key);
      this.patch(message.key, { status: "accepted" });
    } catch (error) {
      if (isAbort(error)) this.patch(message.key, { status: "failed", error: null });
      else if (!conversation.host.isOnline()) this.patch(message.key, { status: "queued" });
      else this.fail(message, error as Error);
    }
  }

  private request(message: OutgoingMessage): StreamingRequest {
    const { threadId } = this.conversation;
    const { input } = message;
    return threadId
      ? { type: "threads.add_user_message", params: { thread_id: threadId, input } }
      : { type: "threads.create", params: { input } };
  }

  private fail(message: OutgoingMessage, error: Error): void {
    this.patch(message.key, { status: "failed", error: failureOf(error) });
    this.conversation.host.reportError(error);
  }

  // --- bookkeeping -----------------------------------------------------------------------------------------------

  private patch(key: string, patch: Partial<OutgoingMessage>): void {
    this.change(this.messages.map((message) => (message.key === key ? { ...message, ...patch } : message)));
  }

  private change(outbox: readonly OutgoingMessage[]): void {
    this.conversation.update({ outbox });
    this.conversation.host.storage.writeOutbox(
      this.conversation.threadId,
      outbox.filter((message) => message.status !== "accepted"),
    );
  }
}
