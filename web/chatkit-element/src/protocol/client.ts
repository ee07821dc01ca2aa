/** Talks to one ChatKit endpoint: JSON operations, streaming operations, and event streams. */

import { ChatKitRequestError, errorFromResponse, isAbort } from "./errors";
import type { CreatedAttachment, Page, StructuredAnswer, Thread, ThreadItem, UserMessageInput, WireAttachment } from "./types";
import { type FileRequest, sendFile } from "./upload";

export interface ClientConfig {
  url: string;
  fetch: typeof fetch;
  /** `fetch` is the page's own: it may add what the server asks for. */
  hasOwnFetch?: () => boolean;
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

  /** The first phase of an upload: the server says where the bytes go. */
  async createAttachment(file: File, mimeType: string, signal: AbortSignal): Promise<CreatedAttachment> {
    const params = { name: file.name, size: file.size, mime_type: mimeType };
    const response = await this.post({ type: "attachments.create", params }, { signal });
    return (await response.json()) as CreatedAttachment;
  }

  async deleteAttachment(attachmentId: string): Promise<void> {
    await this.json({ type: "attachments.delete", params: { attachment_id: attachmentId } });
  }

  /** The second phase. The answer may say what the file was found to be; null where it says nothing. */
  async sendFile(request: FileRequest): Promise<WireAttachment | null> {
    // An address elsewhere is a capability: what opens our server is not for that one.
    const isOurs = new URL(request.url, location.href).origin === new URL(this.config.url, location.href).origin;
    const attempt = async () => sendFile(isOurs ? { ...request, headers: { ...(await this.authorization()), ...request.headers } } : request);
    let response = await attempt();
    if (response.status === 401 && isOurs && this.config.getClientSecret) {
      this.secret = await this.askForSecret(this.secret);
      response = await attempt();
    }
    if (!response.ok) throw await errorFromResponse(response);
    return attachmentIn(response);
  }

  /** Uploads a file in one request, to an address of the page's. */
  async sendFileDirectly(url: string, file: File, onProgress: FileRequest["onProgress"], signal: AbortSignal): Promise<WireAttachment> {
    const body = new FormData();
    body.append("file", file, file.name);
    const uploaded = this.config.hasOwnFetch?.()
      ? await attachmentIn(await this.request(url, { method: "POST", body, signal }))
      : await this.sendFile({ url, method: "POST", headers: {}, body, onProgress, signal });
    if (!uploaded) throw new ChatKitRequestError(200, "upload_answer", "The server did not say what it took the file as.");
    return uploaded;
  }

  async transcribe(audioBase64: string, mimeType: string, signal: AbortSignal): Promise<string> {
    const params = { audio_base64: audioBase64, mime_type: mimeType };
    const response = await this.post({ type: "input.transcribe", params }, { signal });
    return ((await response.json()) as { text: string }).text;
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

  private async authorization(): Promise<Record<string, string>> {
    if (!this.config.getClientSecret) return {};
    this.secret ??= await this.askForSecret(null);
    return { Authorization: `Bearer ${this.secret}` };
  }

  private async send(url: string, init: RequestInit & { headers?: Record<string, string> }): Promise<Response> {
    const headers = { ...init.headers, ...(await this.authorization()) };
    try {
      return await this.config.fetch(url, { ...init, headers });
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new ChatKitRequestError(0, "network", "The server could not be reached.", null, { cause: error });
    }
  }
}

/** The attachment that an answer describes, or null. */
async function attachmentIn(response: Response): Promise<WireAttachment | null> {
  const body = (await response.json().catch(() => null)) as Partial<WireAttachment> | null;
  return typeof body?.id === "string" && typeof body.name === "string" && typeof body.mime_type === "string" ? (body as WireAttachment) : null;
}
