/**
 * The files of the messages that are being written: of each thread its own. They are uploaded as soon as they are
 * chosen, a few at a time, and go on when another thread is opened. After a refresh those that had arrived are there;
 * of the others, whose bytes were this page's, only the name is known.
 */

import type { FileUploadStrategy } from "@openai/chatkit";
import { type AttachmentRules, mimeTypeOf, refusalOf, type Refusal } from "../options/attachments";
import type { ChatKitClient } from "../protocol/client";
import { failureOf, isAbort } from "../protocol/errors";
import type { WireAttachment } from "../protocol/types";
import type { ComposerAttachment } from "../state/app-state";
import type { TabStorage } from "./storage";

const UPLOADS_MAX = 3;

/** What every browser draws. */
const PICTURES = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;

export interface AttachmentsHost {
  readonly client: ChatKitClient;
  readonly storage: TabStorage;
  readonly threadId: string | null;
  uploadStrategy(): FileUploadStrategy | undefined;
  /** The list of the open thread is another one. */
  onAttachments(list: readonly ComposerAttachment[]): void;
  reportError(error: Error): void;
}

interface Upload {
  file: File;
  controller: AbortController;
  /** What the server has made room for. */
  createdId: string | null;
}

export class Attachments {
  private readonly lists = new Map<string | null, readonly ComposerAttachment[]>();
  private readonly uploads = new Map<string, Upload>();
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly host: AttachmentsHost) {}

  /** Those of a thread's draft. */
  of(threadId: string | null): readonly ComposerAttachment[] {
    const known = this.lists.get(threadId);
    if (known) return known;
    const restored = this.host.storage.readAttachments(threadId).map(restoredAttachment);
    this.lists.set(threadId, restored);
    return restored;
  }

  /** Replaces those of a thread's draft. What is not among them any more is not uploaded further. */
  set(threadId: string | null, list: readonly ComposerAttachment[]): void {
    const kept = new Set(list.map(({ key }) => key));
    for (const gone of this.of(threadId)) if (!kept.has(gone.key)) this.forget(gone);
    this.write(threadId, list);
  }

  /** What was chosen for one thread is for another: the new one has an id now, or the old one is gone. */
  move(from: string | null, to: string | null): void {
    const list = [...this.of(to), ...this.of(from)];
    this.write(from, []);
    this.write(to, list);
  }

  /** Begins to upload the files that may be attached, and says which may not. `ended` resolves when each is there, or failed. */
  add(files: readonly File[], rules: AttachmentRules): { refusals: Refusal[]; ended: Promise<unknown> } {
    const { threadId } = this.host;
    const refusals: Refusal[] = [];
    const added: ComposerAttachment[] = [];
    for (const file of files) {
      const refusal = refusalOf(file, rules, this.of(threadId).length + added.length);
      if (refusal) refusals.push(refusal);
      else added.push(this.begin(file, mimeTypeOf(file, rules)));
    }
    this.write(threadId, [...this.of(threadId), ...added]);
    return { refusals, ended: Promise.all(added.map(({ key }) => this.upload(key))) };
  }

  async retry(key: string): Promise<void> {
    const upload = this.uploads.get(key);
    if (!upload) return;
    this.deleteQuietly(upload.createdId);
    this.uploads.set(key, { file: upload.file, controller: new AbortController(), createdId: null });
    this.patch(key, { status: "uploading", progress: 0, error: null });
    await this.upload(key);
  }

  /** The connection is back. */
  retryBroken(): void {
    for (const { key, error } of [...this.lists.values()].flat()) if (error?.code === "network") void this.retry(key);
  }

  remove(key: string): void {
    const found = this.find(key);
    if (!found) return;
    const [threadId, list] = found;
    const { isOwn, uploaded } = list.find((one) => one.key === key) as ComposerAttachment;
    if (isOwn) this.deleteQuietly(uploaded?.id ?? this.uploads.get(key)?.createdId ?? null);
    this.set(threadId, list.filter((one) => one.key !== key));
  }

  close(): void {
    for (const list of this.lists.values()) for (const one of list) this.forget(one);
  }

  private begin(file: File, mimeType: string): ComposerAttachment {
    const key = crypto.randomUUID();
    this.uploads.set(key, { file, controller: new AbortController(), createdId: null });
    const previewUrl = PICTURES.test(mimeType) ? URL.createObjectURL(file) : null;
    return { key, name: file.name, mimeType, sizeBytes: file.size, status: "uploading", progress: 0, error: null, previewUrl, uploaded: null, isOwn: true };
  }

  private async upload(key: string): Promise<void> {
    const upload = this.uploads.get(key) as Upload;
    const { signal } = upload.controller;
    if (this.running >= UPLOADS_MAX) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.running += 1;
    try {
      if (signal.aborted) return;
      const uploaded = await this.send(key, upload, signal);
      this.patch(key, { status: "ready", progress: 1, uploaded });
    } catch (error) {
      if (isAbort(error)) return;
      this.patch(key, { status: "failed", error: failureOf(error) });
      this.host.reportError(error as Error);
    } finally {
      this.running -= 1;
      this.waiting.shift()?.();
    }
  }

  private async send(key: string, upload: Upload, signal: AbortSignal): Promise<WireAttachment> {
    const { client } = this.host;
    const { file } = upload;
    const onProgress = (progress: number) => this.patch(key, { progress }, false);
    const strategy = this.host.uploadStrategy();
    if (strategy?.type === "direct") return client.sendFileDirectly(strategy.uploadUrl, file, onProgress, signal);
    const mimeType = this.find(key)?.[1].find((one) => one.key === key)?.mimeType ?? file.type;
    const { upload_descriptor: to, ...created } = await client.createAttachment(file, mimeType, signal);
    upload.createdId = created.id;
    if (!to) return created;
    const sent = { headers: to.headers ?? {}, body: file, onProgress, signal };
    let found = await client.sendFile({ url: to.url, method: to.method, ...sent });
    if (to.finish_url) found = await client.sendFile({ ...sent, url: to.finish_url, method: "POST", headers: {}, body: null, onProgress: () => {} });
    return found ?? created;
  }

  /** The bytes of a file that is being uploaded stay where they are: nobody asks for them, and the server sweeps them. */
  private forget({ key, previewUrl }: ComposerAttachment): void {
    const upload = this.uploads.get(key);
    upload?.controller.abort();
    this.uploads.delete(key);
    if (previewUrl) URL.revokeObjectURL(previewUrl);
  }

  private deleteQuietly(attachmentId: string | null): void {
    if (attachmentId !== null) this.host.client.deleteAttachment(attachmentId).catch(() => {}); // else the server's sweep finds it
  }

  private find(key: string): [string | null, readonly ComposerAttachment[]] | null {
    return [...this.lists].find(([, list]) => list.some((one) => one.key === key)) ?? null;
  }

  private patch(key: string, patch: Partial<ComposerAttachment>, isStored = true): void {
    const found = this.find(key);
    if (found) this.write(found[0], found[1].map((one) => (one.key === key ? { ...one, ...patch } : one)), isStored);
  }

  private write(threadId: string | null, list: readonly ComposerAttachment[], isStored = true): void {
    this.lists.set(threadId, list);
    if (isStored) this.host.storage.writeAttachments(threadId, list);
    if (threadId === this.host.threadId) this.host.onAttachments(list);
  }
}

/** An attachment that the server has already, given by the page or taken back from a message. */
export function readyAttachment(uploaded: WireAttachment): ComposerAttachment {
  const { name, mime_type: mimeType, metadata } = uploaded;
  const sizeBytes = typeof metadata?.size_bytes === "number" ? metadata.size_bytes : null;
  return { key: crypto.randomUUID(), name, mimeType, sizeBytes, status: "ready", progress: 1, error: null, previewUrl: null, uploaded, isOwn: false };
}

export function uploadedOf(list: readonly ComposerAttachment[]): WireAttachment[] {
  return list.flatMap(({ uploaded }) => (uploaded ? [uploaded] : []));
}

function restoredAttachment(stored: ComposerAttachment): ComposerAttachment {
  const isThere = stored.status === "ready" && stored.uploaded !== null;
  const lost = { status: "failed", error: { code: "upload_interrupted", message: "" } } as const;
  return { ...stored, previewUrl: null, ...(!isThere && lost) };
}
