/** Drafts, their attachments and unsent messages survive a refresh, in this tab only. Never raises: storage may be forbidden or full. */

import type { ComposerAttachment, OutgoingMessage } from "../state/app-state";

/** Longer texts are kept in memory only: a browser stores about 5 MB per origin. */
const STORED_CHARACTERS_MAX = 200_000;

export class TabStorage {
  /** @param scope the address of the API, which differs by server and user: each has its own drafts. */
  constructor(private readonly scope: string) {}

  readDraft(threadId: string | null): string {
    return this.read(this.key("draft", threadId)) ?? "";
  }

  writeDraft(threadId: string | null, text: string): void {
    this.write(this.key("draft", threadId), text);
  }

  readAttachments(threadId: string | null): ComposerAttachment[] {
    return this.readList(this.key("attachments", threadId));
  }

  writeAttachments(threadId: string | null, attachments: readonly ComposerAttachment[]): void {
    this.write(this.key("attachments", threadId), attachments.length > 0 ? JSON.stringify(attachments) : "");
  }

  readUnsent(threadId: string | null): OutgoingMessage[] {
    return this.readList(this.key("unsent", threadId));
  }

  writeUnsent(threadId: string | null, messages: readonly OutgoingMessage[]): void {
    this.write(this.key("unsent", threadId), messages.length > 0 ? JSON.stringify(messages) : "");
  }

  /** The same for conversations without an id. They share one entry, so each replaces only the messages that are its own. */
  writeUnsentOfNew(messages: readonly OutgoingMessage[], isMine: (key: string) => boolean): void {
    const others = this.readUnsent(null).filter(({ key }) => !isMine(key));
    this.writeUnsent(null, [...others, ...messages]);
  }

  /** The output of a client tool that the server has not taken yet, or null. */
  readToolOutput(itemId: string): unknown {
    try {
      return JSON.parse(this.read(this.key("tool", itemId)) ?? "null");
    } catch {
      return null;
    }
  }

  writeToolOutput(itemId: string, output: unknown): void {
    this.write(this.key("tool", itemId), output === null ? "" : JSON.stringify(output));
  }

  private key(kind: string, threadId: string | null): string {
    return `chatkit-element:${kind}:${this.scope}:${threadId ?? "new"}`;
  }

  private readList<T>(key: string): T[] {
    try {
      const stored: unknown = JSON.parse(this.read(key) ?? "[]");
      return Array.isArray(stored) ? (stored as T[]) : [];
    } catch {
      return [];
    }
  }

  private read(key: string): string | null {
    try {
      return sessionStorage.getItem(key);
    } catch {
      return null;
    }
  }

  private write(key: string, value: string): void {
    try {
      if (value === "" || value.length > STORED_CHARACTERS_MAX) sessionStorage.removeItem(key);
      else sessionStorage.setItem(key, value);
    } catch {
      // Full or forbidden: the text stays in memory.
    }
  }
}
