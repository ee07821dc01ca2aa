/** What the server stored about the turns beside their items: asking for it, and going to another branch. */

import type { ChatKitClient } from "../protocol/client";
import { isAbort, isNotFound } from "../protocol/errors";
import type { StoredTurn } from "../state/stored-turn";

/** A change of branch removes items one event at a time; the turns are asked for once, after the last of them. */
const READ_DELAY_MS = 60;

export interface StoredTurnsHost {
  readonly client: Pick<ChatKitClient, "request">;
  /** Where the server has the conversation; null if it stores no turns, or there is no conversation yet. */
  address(): string | null;
  onRead(turns: readonly StoredTurn[]): void;
  /** Reading and writing go on without them, with what was known before. */
  onReadFailed(error: unknown): void;
}

export class StoredTurns {
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly host: StoredTurnsHost) {}

  /** Never raises. */
  async read(): Promise<void> {
    const address = this.host.address();
    if (address === null) return;
    try {
      const response = await this.host.client.request(`${address}/turns`, { cache: "no-store" });
      const { data } = (await response.json()) as { data: StoredTurn[] };
      this.host.onRead(data);
    } catch (error) {
      if (!isAbort(error) && !isNotFound(error)) this.host.onReadFailed(error);
    }
  }

  readSoon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.read(), READ_DELAY_MS);
  }

  /** Makes the branch of a run the one that is shown. Raises ChatKitRequestError if the server refuses. */
  async switchTo(runId: string): Promise<void> {
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify({ run_id: runId });
    await this.host.client.request(`${this.host.address()}/branch`, { method: "PUT", headers, body });
  }

  close(): void {
    clearTimeout(this.timer);
  }
}
