/** The custom element: the published methods and events on the outside, a chat and a view on the inside. */

import type { ChatKitOptions, OpenAIChatKit } from "@openai/chatkit";
import { render } from "preact";
import { unknownOptions, viewOptions } from "./options/options";
import { attachmentRules } from "./options/attachments";
import { rulesOf } from "./view/send";
import { fillTemplate, readSettings, type Settings, SETTING_ATTRIBUTES } from "./options/settings";
import { applyTheme } from "./options/apply-theme";
import type { ClientConfig } from "./protocol/client";
import type { UserContent, WireAttachment } from "./protocol/types";
import { readyAttachment } from "./chat/attachments";
import { Chat } from "./chat/chat";
import { writtenOf } from "./state/mentions";
import { chooseLocale } from "./text/locale";
import { App } from "./view/app";
import { type ComposerHandle, isTouch } from "./view/composer";
import { type View, ViewProvider } from "./view/context";
import { FrameScheduler } from "./view/frames";
import { showItem } from "./view/show-item";
import { adoptStyles } from "./view/styles";

type SendParams = Parameters<OpenAIChatKit["sendUserMessage"]>[0];
type ComposerParams = Parameters<OpenAIChatKit["setComposerValue"]>[0];

/** The published methods. Declared as implemented, so that a change of the published types is a compile error here. */
type Contract = Omit<OpenAIChatKit, keyof HTMLElement>;

const PAGE_EVENTS = ["online", "offline", "pageshow", "focus"] as const;

export class ChatKitElement extends HTMLElement implements Contract {
  static readonly observedAttributes = SETTING_ATTRIBUTES;

  private options: Partial<ChatKitOptions> | null = null;
  private chat: Chat | null = null;
  private view: View | null = null;
  private chatKey = "";
  /** The thread that was on screen when the element was taken out of the page. */
  private leftThread: string | null = null;
  private readonly mountPoint: HTMLElement;
  private readonly composer: { current: ComposerHandle | null } = { current: null };
  private readonly frames = new FrameScheduler(() => this.draw());
  private readonly warned = new Set<string>();
  private waiting: ((chat: Chat) => void)[] = [];
  private readonly focusNow = () => this.composer.current?.focus();
  private readonly onPageChange = () => this.chat?.onPageChange();

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    adoptStyles(root);
    this.mountPoint = document.createElement("div");
    this.mountPoint.className = "root";
    root.append(this.mountPoint);
  }

  // --- the published methods -------------------------------------------------------------------------------------

  setOptions(options: ChatKitOptions): void {
    if (!options || typeof options !== "object" || !options.api) throw new TypeError("setOptions needs options with an api.");
    this.options = options;
    this.warnOnce(unknownOptions(options));
    if (this.isConnected) this.start();
  }

  /** Focuses the composer. */
  override focus(): void {
    void this.focusComposer();
  }

  async focusComposer(): Promise<void> {
    await this.ready();
    await this.frames.next();
    this.composer.current?.focus();
  }

  async setThreadId(threadId: string | null): Promise<void> {
    await (await this.ready()).selectThread(threadId);
  }

  async sendUserMessage(params: SendParams): Promise<void> {
    const chat = await this.ready();
    const attachments = (params.attachments ?? []) as WireAttachment[];
    const input = {
      content: contentOf(params),
      attachments: attachments.map((attachment) => attachment.id),
      ...(params.reply && { quoted_text: params.reply }),
      inference_options: {
        ...(params.toolChoice && { tool_choice: params.toolChoice }),
        ...(params.model && { model: params.model }),
      },
    };
    if (input.content.every((part) => !part.text.trim()) && attachments.length === 0)
      throw new TypeError("sendUserMessage needs text, content or attachments.");
    await chat.send(input, attachments, params.newThread ?? false);
  }

  async setComposerValue(params: ComposerParams): Promise<void> {
    const chat = await this.ready();
    const isOn = attachmentRules(this.options?.composer) !== null;
    if (params.files?.length && !isOn) throw new Error("setComposerValue: files need composer.attachments to be enabled.");
    chat.setComposer({
      ...((params.text !== undefined || params.content) && writtenOf(contentOf(params))),
      ...(params.reply !== undefined && { quote: params.reply || null }),
      ...(params.attachments && { attachments: (params.attachments as WireAttachment[]).map(readyAttachment) }),
      ...(params.selectedToolId !== undefined && { toolId: params.selectedToolId }),
      ...(params.selectedModelId !== undefined && { modelId: params.selectedModelId }),
    });
    const rules = this.view && rulesOf(this.view, chat.store.state.composer.modelId);
    if (params.files?.length && rules) await chat.attach(params.files, rules);
  }

  async fetchUpdates(): Promise<void> {
    await (await this.ready()).reload();
  }

  async sendCustomAction(action: { type: string; payload?: Record<string, unknown> }, itemId?: string): Promise<void> {
    await (await this.ready()).customAction(action, itemId);
  }

  async showHistory(): Promise<void> {
    await (await this.ready()).history.open();
  }

  async hideHistory(): Promise<void> {
    (await this.ready()).history.close();
  }

  /**
   * Not of the published methods: scrolls to an item of the open thread and marks it for a moment. Older pages are
   * loaded until it is there; false where it is not among them.
   */
  async showItem(itemId: string): Promise<boolean> {
    const chat = await this.ready();
    if (!(await chat.loadUntil(itemId))) return false;
    return showItem(this.mountPoint, itemId, () => this.frames.next());
  }

  // --- life in the page ------------------------------------------------------------------------------------------

  connectedCallback(): void {
    for (const name of PAGE_EVENTS) window.addEventListener(name, this.onPageChange);
    document.addEventListener("visibilitychange", this.onPageChange);
    if (this.options) this.start();
  }

  disconnectedCallback(): void {
    for (const name of PAGE_EVENTS) window.removeEventListener(name, this.onPageChange);
    document.removeEventListener("visibilitychange", this.onPageChange);
    // Moving the element within the page disconnects it and connects it again in one task: the chat stays open.
    queueMicrotask(() => {
      if (!this.isConnected) this.closeChat();
    });
  }

  attributeChangedCallback(): void {
    if (this.isConnected && this.options) this.start();
  }

  /** Makes chat and view fit the options. Idempotent. */
  private start(): void {
    const options = this.options as ChatKitOptions;
    const settings = readSettings(this);
    const url = "url" in options.api ? options.api.url : settings.apiUrl;
    if (!url) throw new TypeError("api.getClientSecret needs the address of the server in data-api-url.");
    const key = JSON.stringify([url, "getClientSecret" in options.api, settings]);
    const isNew = this.chat === null || key !== this.chatKey;
    if (isNew) {
      const isSame = key === this.chatKey;
      this.openChat(url, settings, key, (isSame ? this.leftThread : null) ?? options.initialThread ?? null);
    }
    const chat = this.chat as Chat;
    this.view = {
      chat,
      options: viewOptions(options),
      locale: chooseLocale(options.locale),
      canSearch: settings.searchUrl !== null,
      ownsPage: settings.ownsPage,
      pageKeys: settings.pageKeys,
      fillsPrompts: settings.fillsPrompts,
      attachmentUrl: settings.attachmentUrl === null ? null : (id) => fillTemplate(settings.attachmentUrl as string, { attachment_id: id }),
      modelFiles: settings.modelFiles,
      readsAloud: settings.readsAloud,
      isReadOnly: settings.isReadOnly,
      focusComposer: this.focusNow,
      emit: (name, detail) => this.emit(name, detail),
    };
    applyTheme(this.mountPoint, options.theme);
    this.frames.request();
    for (const resolve of this.waiting.splice(0)) resolve(chat);
  }

  private openChat(url: string, settings: Settings, key: string, initialThread: string | null): void {
    this.closeChat();
    this.chatKey = key;
    const chat = new Chat({
      client: this.clientConfig(url),
      settings,
      emit: (name, detail) => this.emit(name, detail),
      onClientTool: () => this.options?.onClientTool,
      uploadStrategy: () => {
        const api = this.options?.api;
        return api && "uploadStrategy" in api ? api.uploadStrategy : undefined;
      },
      onWidgetAction: () => {
        const widgets = this.options?.widgets;
        // The page's types know components that it may have written itself; ours are those that came over the wire.
        return widgets?.onAction && ((action, item) => widgets.onAction?.(action as never, item as never) ?? Promise.resolve());
      },
    });
    this.chat = chat;
    chat.store.subscribe(() => this.frames.request());
    chat.store.set({ isStarting: initialThread !== null });
    void this.announce(chat, initialThread, settings.ownsPage);
  }

  /** Dispatches the first events late: React attaches its listeners after the frame in which it passed the options. */
  private async announce(chat: Chat, initialThread: string | null, ownsPage: boolean): Promise<void> {
    await this.frames.next();
    await new Promise((resolve) => setTimeout(resolve));
    if (this.chat !== chat) return;
    chat.store.set({ isStarting: false });
    this.emit("chatkit.ready");
    // On a touch screen the keyboard would cover what there is to read.
    if (ownsPage && !isTouch() && (document.activeElement ?? document.body) === document.body) this.focusNow();
    const isUntouched = chat.store.state.conversation.thread.id === null && chat.store.state.conversation.unsent.length === 0;
    if (initialThread !== null && isUntouched) chat.selectThread(initialThread).catch(() => {}); // shown, and reported
  }

  /** Reads the options at every call, so that `setOptions` with another function takes effect at once. */
  private clientConfig(url: string): ClientConfig {
    const api = () => this.options?.api as ChatKitOptions["api"];
    return {
      url,
      fetch: (input, init) => {
        const config = api();
        return "fetch" in config && config.fetch ? config.fetch(input, init) : fetch(input, init);
      },
      hasOwnFetch: () => {
        const config = api();
        return "fetch" in config && config.fetch !== undefined;
      },
      ...("getClientSecret" in api() && {
        getClientSecret: (current) => (api() as { getClientSecret: (current: string | null) => Promise<string> }).getClientSecret(current),
      }),
    };
  }

  private closeChat(): void {
    this.leftThread = this.chat?.threadId ?? null;
    this.chat?.close();
    this.chat = null;
    this.view = null;
    this.frames.request();
  }

  private draw(): void {
    const { view, chat } = this;
    const app = view && chat ? <ViewProvider value={view}><App key={this.chatKey} state={chat.store.state} composer={this.composer} /></ViewProvider> : null;
    render(app, this.mountPoint);
  }

  private ready(): Promise<Chat> {
    if (this.chat) return Promise.resolve(this.chat);
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private emit(name: string, detail?: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  private warnOnce(names: readonly string[]): void {
    const fresh = names.filter((name) => !this.warned.has(name));
    if (fresh.length === 0) return;
    for (const name of fresh) this.warned.add(name);
    console.warn(`<openai-chatkit> does not know the option ${fresh.join(", ")}; it is ignored.`);
  }
}

function contentOf(params: { text?: string; content?: SendParams["content"] }): UserContent[] {
  if (!params.content) return [{ type: "input_text", text: params.text ?? "" }];
  return params.content.map((part) => (part.type === "input_tag" ? { data: {}, ...part } : part));
}
