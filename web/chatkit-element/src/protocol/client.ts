/** Talks to one ChatKit endpoint: JSON operations, streaming operations, and event streams. */

import { ChatKitRequestError, errorFromResponse, isAbort } from "./errors";
import type { Page, StructuredAnswer, Thread, ThreadItem, UserMessageInput } from "./types";

export interface ClientConfig {
  url: string;
  fetch: typeof fetch;
  /** Bearer token source of a hosted session; asked again, once, after a 401. */
  getClientSecret?: (current: string | null) => Promise<string>;
}

export type StreamingRequest =
  | { type: "threads.create"; params: { input: UserMessageInput } }
  | {
      type: "threads.add_user_message";
      params: { thread_id: string; input: UserMessageInput };
      /** The message that this one is another version of. Goes into a header: ChatKit's protocol has no field for it. */
      editedId?: string;
    }
  | { type: "threads.add_client_tool_output"; params: { thread_id: string; result: unknown } }
  | {
      type: "threads.add_structured_input";
      params: {
        thread_id: string;
        item_id: string;
        input: { status: "answered" | "skipped"; answers: Record<string, StructuredAnswer> };
      };
    }
  | { type: "threads.retry_after_item"; params: { thread_id: string; item_id: string } }
  | { type: "threads.custom_action"; params: ActionParams };

export interface ActionParams {
  thread_id: string;
  item_id?: string;
  action: { type: string; payload?: unknown };
}

export class ChatKitClient {
  private secret: string | null = null;

  constructor(private readonly config: ClientConfig) {}

  async threadById(threadId: string, signal?: AbortSignal): Promise<{ thread: Thread; headers: Headers }> {
    const response = await this.post({ type: "threads.get_by_id", params: { thread_id: threadId } }, { signal });
    return { thread: (await response.json()) as Thread, headers: response.headers };
  }

  async listThreads(limit: number, after: string | null): Promise<Page<Thread>> {
    return this.json({ type: "threads.list", params: { limit, order: "desc", ...(after && { after }) } });
  }

  async listItems(threadId: string, limit: number, after: string | null): Promise<Page<ThreadItem>> {
    const params = { thread_id: threadId, limit, order: "desc", ...(after && { after }) };
    return this.json({ type: "items.list", params });
  }

  async renameThread(threadId: string, title: string): Promise<Thread> {
    return this.json({ type: "threads.update", params: { thread_id: threadId, title } });
  }

  async deleteThread(threadId: string): Promise<void> {
    await this.json({ type: "threads.delete", params: { thread_id: threadId } });
  }

  async feedback(threadId: string, itemIds: string[], kind: "positive" | "negative"): Promise<void> {
    await this.json({ type: "items.feedback", params: { thread_id: threadId, item_ids: itemIds, kind } });
  }

  /** Resolves when the action is done: with its item, or null where the server has nothing new to say of it. */
  async syncAction(params: ActionParams, headers: Record<string, string>, signal?: AbortSignal): Promise<ThreadItem | null> {
    const response = await this.post({ type: "threads.sync_custom_action", params }, { headers, signal });
    return ((await response.json()) as { updated_item?: ThreadItem | null }).updated_item ?? null;
  }

  /** Starts a streaming operation. Resolves with the response once its headers are there. */
  async stream(request: StreamingRequest, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const { type, params } = request;
    return this.post({ type, params }, { headers: { Accept: "text/event-stream", ...headers }, signal });
  }

  async json<T>(body: unknown): Promise<T> {
    const response = await this.post(body, {});
    return (await response.json()) as T;
  }

  private post(body: unknown, init: { headers?: Record<string, string>; signal?: AbortSignal | undefined }) {
    return this.request(this.config.url, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...init.headers },
      body: JSON.stringify(body),
      ...(init.signal && { signal: init.signal }),
    });
  }

  /** Requests what follows an event of a stream. Resolves with any answer, refusals as well. */
  openStream(url: string, lastEventId: string | null, signal: AbortSignal): Promise<Response> {
    const headers = { Accept: "text/event-stream", ...(lastEventId !== null && { "Last-Event-ID": lastEventId }) };
    return this.fetch(url, { headers, cache: "no-store", signal });
  }

  /** Any other request of the element; raises ChatKitRequestError unless the answer is a 2xx. */
  async request(url: string, init: RequestInit & { headers?: Record<string, string> }): Promise<Response> {
    const response = await this.fetch(url, init);
    if (!response.ok) throw await errorFromResponse(response);
    return response;
  }

  private async fetch(url: string, init: RequestInit & { headers?: Record<string, string> }): Promise<Response> {
    const response = await this.send(url, init);
    if (response.status !== 401 || !this.config.getClientSecret) return response;
    this.secret = await this.askForSecret(this.secret);
    return this.send(url, init);
  }

  /** Raises ChatKitRequestError (client_secret) if the page's function raises: the request that needed the secret failed. */
  private async askForSecret(current: string | null): Promise<string | null> {
    try {
      return (await this.config.getClientSecret?.(current)) ?? null;
    } catch (error) {
      throw new ChatKitRequestError(401, "client_secret", "Signing in to the chat failed.", null, { cause: error });
    }
  }

  private async send(url: string, init: RequestInit & { headers?: Record<string, string> }): Promise<Response> {
    const headers: Record<string, string> = { ...init.headers };
    if (this.config.getClientSecret) {
      this.secret ??= await this.askForSecret(null);
      headers["Authorization"] = `Bearer ${this.secret}`;
    }
    try {
      return await this.config.fetch(url, { ...init, headers });
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new ChatKitRequestError(0, "network", "The server could not be reached.", null, { cause: error });
    }
  }
}
