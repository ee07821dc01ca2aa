/** Messages that the person sent and the server has not shown back yet. They are delivered in order, one per turn. */

import { failureOf, isAbort } from "../protocol/errors";
import { textOf } from "../protocol/text";
import type { UserMessageInput, UserMessageItem } from "../protocol/types";
import type { OutgoingMessage } from "../state/app-state";

export interface UnsentHost {
  isOnline(): boolean;
  /** Whether the next message may go, or has to wait for something. */
  canSend(): boolean;
  /** Resolves once the server accepted the message; raises if it did not. */
  send(message: OutgoingMessage): Promise<void>;
  onUnsent(messages: readonly OutgoingMessage[]): void;
  reportError(error: Error): void;
}

export class UnsentMessages {
  private messages: readonly OutgoingMessage[] = [];
  private readonly keys = new Set<string>();
  private isFlushing = false;

  constructor(private readonly host: UnsentHost) {}

  /** The message is or was of this conversation. */
  knows(key: string): boolean {
    return this.keys.has(key);
  }

  /** Messages that the server has not accepted: leaving the conversation would lose their words. */
  get undelivered(): readonly OutgoingMessage[] {
    return this.messages.filter((message) => message.status !== "accepted");
  }

  get isWaiting(): boolean {
    return this.messages.some((message) => message.status === "queued" || message.status === "sending");
  }

  /** Resolves once the server accepted the message, or it is shown as waiting or failed. */
  async add(message: Pick<OutgoingMessage, "input" | "attachments">): Promise<void> {
    const entry = { ...message, key: crypto.randomUUID(), status: "queued" as const, error: null, createdAtMs: Date.now() };
    this.change([...this.messages, entry]);
    await this.flush();
  }

  /** Sends a failed or left-over message again, with its key: if the server has it already, it will not take it twice. */
  async resend(key: string): Promise<void> {
    this.patch(key, { status: "queued", error: null });
    await this.flush();
  }

  discard(key: string): OutgoingMessage | null {
    const message = this.messages.find((candidate) => candidate.key === key) ?? null;
    this.change(this.messages.filter((candidate) => candidate.key !== key));
    return message;
  }

  /** Messages that were not delivered before a refresh: the person decides whether they are sent. */
  restore(stored: readonly OutgoingMessage[], lastShown: UserMessageItem | undefined): void {
    // A message that was being sent may have arrived: then it is the last one of the thread.
    const hasArrived = ({ status, input }: OutgoingMessage) =>
      status === "sending" && lastShown !== undefined && isSame(input, lastShown);
    const known = new Set(this.messages.map((message) => message.key));
    const left = stored
      .filter((message) => !known.has(message.key) && !hasArrived(message))
      .map((message): OutgoingMessage => ({ ...message, status: "restored", error: null }));
    if (left.length > 0) this.change([...left, ...this.messages]);
  }

  /** The server shows a message of the user's: our own copy of it is dropped. */
  onShown(item: UserMessageItem): void {
    const mine = this.messages.find(({ status, input }) => (status === "sending" || status === "accepted") && isSame(input, item));
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
    if (!this.host.canSend()) return null;
    return this.messages.find((message) => message.status === "queued") ?? null;
  }

  private async deliver(message: OutgoingMessage): Promise<void> {
    const { key } = message;
    this.patch(key, { status: "sending", error: null });
    try {
      await this.host.send(message);
      this.patch(key, { status: "accepted" });
    } catch (error) {
      if (isAbort(error)) this.patch(key, { status: "failed", error: null });
      else if (!this.host.isOnline()) this.patch(key, { status: "queued" });
      else {
        this.patch(key, { status: "failed", error: failureOf(error) });
        this.host.reportError(error as Error);
      }
    }
  }

  private patch(key: string, patch: Partial<OutgoingMessage>): void {
    this.change(this.messages.map((message) => (message.key === key ? { ...message, ...patch } : message)));
  }

  private change(messages: readonly OutgoingMessage[]): void {
    for (const { key } of messages) this.keys.add(key);
    this.messages = messages;
    this.host.onUnsent(messages);
  }
}

/** By what they say and show: the server has made the ids of a message. */
function isSame({ content, attachments }: UserMessageInput, item: UserMessageItem): boolean {
  const shown = (item.attachments ?? []).map(({ id }) => id);
  return textOf(content) === textOf(item.content) && shown.length === attachments.length && attachments.every((id) => shown.includes(id));
}
