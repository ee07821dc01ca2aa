/** What the element does: switches conversations, sends, searches. The view and the public methods both call it. */

import type { ChatKitOptions, FileUploadStrategy } from "@openai/chatkit";
import { ChatKitClient, type ClientConfig } from "../protocol/client";
import { textOf } from "../protocol/text";
import type { ClientToolCallItem, StructuredAnswer, UserMessageInput, WidgetItem, WireAttachment } from "../protocol/types";
import type { AttachmentRules } from "../options/attachments";
import type { Settings } from "../options/settings";
import {
  type AppState,
  type ComposerAttachment,
  type ComposerState,
  EMPTY_COMPOSER,
  EMPTY_CONVERSATION,
  EMPTY_HISTORY,
  userMessageBefore,
} from "../state/app-state";
import { writtenOf } from "../state/mentions";
import type { StoredTurn } from "../state/stored-turn";
import { dismissNotice } from "../state/thread-reducer";
import { Attachments, type AttachmentsHost, readyAttachment } from "./attachments";
import { Conversation, type ConversationHost } from "./conversation";
import { History } from "./history";
import { TabStorage } from "./storage";
import { Store } from "./store";
import type { WidgetAction, WidgetActionHost } from "./widget-actions";

/** An item is looked for in this many pages of older items: two thousand items. */
const OLDER_PAGES_MAX = 40;

export interface ChatOptions {
  client: ClientConfig;
  settings: Settings;
  emit: (name: string, detail?: unknown) => void;
  onClientTool: () => ChatKitOptions["onClientTool"];
  onWidgetAction: WidgetActionHost["onAction"];
  uploadStrategy: () => FileUploadStrategy | undefined;
}

export class Chat implements ConversationHost, AttachmentsHost {
  readonly store = new Store<AppState>({
    conversation: EMPTY_CONVERSATION,
    history: EMPTY_HISTORY,
    composer: EMPTY_COMPOSER,
    isOnline: navigator.onLine !== false,
    isStarting: false,
  });
  readonly client: ChatKitClient;
  readonly storage: TabStorage;
  readonly history: History;
  readonly attachments: Attachments;
  private current: Conversation;
  /** Conversations that were left while a request or an answer of theirs was under way, by thread id. */
  private readonly background = new Map<string, Conversation>();
  /** The same, but for conversations whose thread the server has not created yet. */
  private readonly unborn = new Set<Conversation>();
  /** Tells the other tabs of this browser which thread was deleted. */
  private readonly deletions: BroadcastChannel;

  constructor(private readonly options: ChatOptions) {
    this.client = new ChatKitClient(options.client);
    this.storage = new TabStorage(options.client.url);
    this.history = new History(this, this.store);
    this.attachments = new Attachments(this);
    this.deletions = new BroadcastChannel(`chatkit-element:deletions:${options.client.url}`);
    this.deletions.onmessage = ({ data }) => {
      if (data === this.current.threadId) this.current.markGone();
    };
    this.current = new Conversation(this, null);
    this.show(this.current);
  }

  // --- what conversations need -----------------------------------------------------------------------------------

  get settings(): Settings {
    return this.options.settings;
  }

  isOnline(): boolean {
    return this.store.state.isOnline;
  }

  emit(name: string, detail?: unknown): void {
    this.options.emit(name, detail);
  }

  reportError(error: Error): void {
    this.options.emit("chatkit.error", { error });
  }

  onChange(conversation: Conversation): void {
    if (conversation === this.current) this.store.set({ conversation: conversation.state });
    else if (!conversation.isBusyInBackground) this.forget(conversation);
  }

  onThreadCreated(conversation: Conversation): void {
    if (conversation !== this.current) {
      this.unborn.delete(conversation);
      if (conversation.threadId) this.background.set(conversation.threadId, conversation);
      return;
    }
    this.storage.writeDraft(null, "");
    this.storage.writeDraft(conversation.threadId, this.store.state.composer.text);
    this.attachments.move(null, conversation.threadId);
    this.emit("chatkit.thread.change", { threadId: conversation.threadId });
  }

  get canRunClientTools(): boolean {
    return this.options.onClientTool() !== undefined;
  }

  async runClientTool(call: ClientToolCallItem): Promise<unknown> {
    const handler = this.options.onClientTool();
    if (!handler) throw new Error(`No onClientTool handler for the client tool "${call.name}".`);
    return handler({ name: call.name, params: call.arguments });
  }

  uploadStrategy(): FileUploadStrategy | undefined {
    return this.options.uploadStrategy();
  }

  onAttachments(attachments: readonly ComposerAttachment[]): void {
    this.store.set({ composer: { ...this.store.state.composer, attachments } });
  }

  onWidgetAction(): ReturnType<WidgetActionHost["onAction"]> {
    return this.options.onWidgetAction();
  }

  get threadId(): string | null {
    return this.current.threadId;
  }

  /** A durable server goes on when the connection closes, so Stop needs an address there. */
  get canStop(): boolean {
    return this.settings.resumeUrl === null || this.settings.stopUrl !== null;
  }

  // --- threads ---------------------------------------------------------------------------------------------------

  /** Raises if the thread cannot be loaded; it stays selected then, with a way to try again. */
  async selectThread(threadId: string | null): Promise<void> {
    if (threadId === this.current.threadId && !this.current.state.loadError) {
      if (threadId !== null || this.current.state.turn === null) return;
    }
    const known = threadId ? this.background.get(threadId) : undefined;
    this.leave(this.current);
    const next = known ?? new Conversation(this, threadId);
    if (threadId) this.background.delete(threadId);
    this.show(next);
    this.emit("chatkit.thread.change", { threadId });
    if (threadId && !known) await next.load();
  }

  private show(conversation: Conversation): void {
    this.current = conversation;
    const draft = this.storage.readDraft(conversation.threadId);
    const { toolId, modelId } = this.store.state.composer;
    const attachments = this.attachments.of(conversation.threadId);
    this.store.set({ conversation: conversation.state, composer: { ...EMPTY_COMPOSER, text: draft, attachments, toolId, modelId } });
    const isElsewhere = (key: string) => [...this.unborn].some(({ unsent }) => unsent.knows(key));
    if (!conversation.threadId) conversation.restoreUnsent(isElsewhere);
  }

  private leave(conversation: Conversation): void {
    conversation.closeStream();
    if (!conversation.isBusyInBackground) conversation.close();
    else if (conversation.threadId) this.background.set(conversation.threadId, conversation);
    else this.unborn.add(conversation);
  }

  private forget(conversation: Conversation): void {
    if (conversation.threadId) this.background.delete(conversation.threadId);
    this.unborn.delete(conversation);
    conversation.close();
  }

  async retryLoad(): Promise<void> {
    await this.current.load();
  }

  async reload(): Promise<void> {
    await this.current.reload();
    if (this.store.state.history.isOpen) await this.history.search(this.store.state.history.query);
  }

  async loadOlder(): Promise<void> {
    await this.current.loadOlder();
  }

  /** Loads older items until one of that id is there; false where it is not among the newest. */
  async loadUntil(itemId: string): Promise<boolean> {
    const conversation = this.current;
    const has = () => conversation.state.thread.items.some(({ id }) => id === itemId);
    for (let pages = 0; pages < OLDER_PAGES_MAX && !has() && conversation.state.thread.hasOlder; pages += 1)
      await conversation.loadOlder();
    return has();
  }

  async renameThread(threadId: string, title: string): Promise<void> {
    const thread = await this.history.rename(threadId, title);
    if (thread && threadId === this.current.threadId) this.current.updateThread((now) => ({ ...now, title }));
  }

  async deleteThread(threadId: string): Promise<void> {
    if (!(await this.history.remove(threadId))) return;
    this.deletions.postMessage(threadId);
    if (threadId !== this.current.threadId) return;
    this.current.close();
    await this.selectThread(null);
  }

  /** Leaves a thread that was deleted for a new one, whose composer gets what was typed for the old one. */
  async startAnew(): Promise<void> {
    const { undelivered } = this.current.unsent;
    const typed = [...undelivered.map(({ input }) => textOf(input.content)), this.store.state.composer.text];
    const attached = undelivered.flatMap(({ attachments }) => attachments.map(readyAttachment));
    for (const { key } of undelivered) this.current.unsent.discard(key);
    const gone = this.current.threadId;
    this.storage.writeDraft(gone, "");
    await this.selectThread(null);
    this.attachments.move(gone, null);
    const { text, attachments } = this.store.state.composer;
    this.setComposer({ text: [text, ...typed].filter(Boolean).join("\n\n"), attachments: [...attachments, ...attached] });
  }

  // --- messages --------------------------------------------------------------------------------------------------

  async send(input: UserMessageInput, attachments: readonly WireAttachment[], newThread: boolean): Promise<void> {
    if (newThread) await this.selectThread(null);
    const { status } = this.current.state.thread;
    if (status.type !== "active") throw new Error(`This thread is ${status.type}: it takes no messages.`);
    await this.current.unsent.add({ input, attachments });
  }

  stop(): void {
    void this.current.stop();
  }

  async resend(key: string): Promise<void> {
    await this.current.unsent.resend(key);
  }

  /** Removes an undelivered message; with `keepText` its text is appended to what is in the composer. */
  discard(key: string, keepText: boolean): void {
    const message = this.current.unsent.discard(key);
    if (!message || !keepText) return;
    const { text, mentions, quote, attachments } = this.store.state.composer;
    const written = writtenOf(message.input.content);
    this.setComposer({
      text: [text, written.text].filter(Boolean).join("\n\n"),
      mentions: [...mentions, ...written.mentions],
      quote: quote ?? message.input.quoted_text ?? null,
      attachments: [...attachments, ...message.attachments.map(readyAttachment)],
    });
  }

  /** Answers the user message before `itemId` (or the last one) again. */
  async retry(itemId: string | null): Promise<void> {
    const { items } = this.current.state.thread;
    const index = itemId ? items.findIndex((item) => item.id === itemId) : items.length;
    const target = userMessageBefore(items, index);
    if (target) await this.current.requests.retryAfter(target);
  }

  /** Versions and edits need a server that keeps them. */
  get canEdit(): boolean {
    return this.settings.conversationUrl !== null && this.settings.resumeUrl !== null;
  }

  async retryTurn(turn: StoredTurn): Promise<void> {
    const { items } = this.current.state.thread;
    const index = items.findIndex((item) => item.id === turn.message_id);
    const target = userMessageBefore(items, index + 1);
    if (target) await this.current.requests.retryAfter(target);
  }

  async switchBranch(runId: string): Promise<void> {
    await this.current.switchBranch(runId);
  }

  /** Puts a message of the user's (or the last one) into the composer, to be sent as another version of it. */
  startEdit(itemId: string | null): boolean {
    const { thread, turn } = this.current.state;
    const item = thread.items.findLast((one) => one.type === "user_message" && (itemId === null || one.id === itemId));
    if (!this.canEdit || turn !== null || item?.type !== "user_message") return false;
    const attachments = (item.attachments ?? []).map(readyAttachment);
    this.setComposer({ ...writtenOf(item.content), attachments, quote: item.quoted_text ?? null, editedId: item.id });
    return true;
  }

  cancelEdit(): void {
    this.setComposer({ text: "", attachments: [], quote: null, editedId: null });
  }

  async sendEdit(itemId: string, input: UserMessageInput, attached: readonly WireAttachment[]): Promise<void> {
    if (await this.current.requests.edit(itemId, input)) return;
    // Refused: the message goes back into the composer, unless the person has typed something since.
    if (this.store.state.composer.text !== "") return;
    const attachments = attached.map(readyAttachment);
    this.setComposer({ ...writtenOf(input.content), attachments, quote: input.quoted_text ?? null, editedId: itemId });
  }

  async sendFeedback(itemId: string, kind: "positive" | "negative"): Promise<void> {
    const conversation = this.current;
    const before = conversation.state.feedback;
    conversation.update({ feedback: { ...before, [itemId]: kind } });
    try {
      await this.client.feedback(conversation.threadId ?? "", [itemId], kind);
    } catch (error) {
      conversation.update({ feedback: before });
      this.reportError(error as Error);
      conversation.notify({ level: "warning", message: "", code: "feedback_failed", canRetry: false });
    }
  }

  async submitStructuredInput(itemId: string, status: "answered" | "skipped", answers: Record<string, StructuredAnswer>) {
    await this.current.requests.submitStructuredInput(itemId, status, answers);
  }

  /** Does what a component of a widget asks for. Resolves when it is done, however it ended; never raises. */
  async performAction(action: WidgetAction, item: WidgetItem): Promise<void> {
    await this.current.performAction(action, item);
  }

  async customAction(action: { type: string; payload?: unknown }, itemId?: string): Promise<void> {
    await this.current.requests.customAction(action, itemId);
  }

  dismissNotice(key: number): void {
    this.current.updateThread((thread) => dismissNotice(thread, key));
  }

  // --- composer --------------------------------------------------------------------------------------------------

  setComposer(patch: Partial<ComposerState>): void {
    const before = this.store.state.composer;
    this.store.set({ composer: { ...before, ...patch } });
    if (patch.attachments !== undefined) this.attachments.set(this.threadId, patch.attachments);
    if (patch.text !== undefined) this.storage.writeDraft(this.current.threadId, patch.text);
    if (patch.toolId !== undefined && patch.toolId !== before.toolId) this.emit("chatkit.tool.change", { toolId: patch.toolId });
  }

  /** Uploads files into the composer; those that may not be attached are named there. Resolves when all have ended. */
  async attach(files: readonly File[], rules: AttachmentRules): Promise<void> {
    const { refusals, ended } = this.attachments.add(files, rules);
    this.setComposer({ refusals });
    await ended;
  }

  // --- the page --------------------------------------------------------------------------------------------------

  /** The page is visible, online or shown from the back-forward cache again; or it just went offline. */
  onPageChange(): void {
    const isOnline = navigator.onLine !== false;
    const isBack = isOnline && !this.store.state.isOnline;
    if (isOnline !== this.store.state.isOnline) this.store.set({ isOnline });
    if (isBack) this.attachments.retryBroken();
    if (isBack && this.current.state.loadError !== null) this.retryLoad().catch(() => {}); // shown, and reported
    else if (isOnline) this.current.onPageAwake();
  }

  close(): void {
    this.current.close();
    for (const conversation of this.background.values()) conversation.close();
    this.background.clear();
    for (const conversation of this.unborn) conversation.close();
    this.attachments.close();
    this.deletions.close();
  }
}
