/** Our own settings, from `data-*` attributes: the published options have no place for them. */

import type { ModelFiles } from "./attachments";

/** A key, and what it does, in the page's own words. */
export type PageKey = readonly [key: string, meaning: string];

export interface Settings {
  /** Template of the conversation's event stream, with `{thread_id}`; null: only answers to our requests stream. */
  resumeUrl: string | null;
  /** Template of the address that cancels a run, with `{run_id}`; null: Stop closes the connection. */
  stopUrl: string | null;
  /** Template of the conversation search, with `{query}`; null: no search field. */
  searchUrl: string | null;
  /** Template of the conversation's address, with `{thread_id}`, below which are `/turns` and `/branch`; null: no versions, no edits. */
  conversationUrl: string | null;
  /** What the server does with a message that is sent during an answer; null: the message waits here until the answer ends. */
  onBusy: "enqueue" | "interrupt" | null;
  /** Id of the assistant that a new conversation is with; null: the server's default. */
  assistant: string | null;
  /** The ChatKit endpoint where the `api` option has `getClientSecret`, and so no address. */
  apiUrl: string | null;
  /** The page exists for the chat: the composer has the focus when it opens, and handles keys pressed anywhere. */
  ownsPage: boolean;
  /** Keys that the page itself reacts to, for the list of shortcuts. */
  pageKeys: readonly PageKey[];
  /** A prompt of the start screen is put into the composer, to be read and changed, instead of being sent. */
  fillsPrompts: boolean;
  /** Template of an attachment's address, with `{attachment_id}`; null: files in messages are names, pictures only shown. */
  attachmentUrl: string | null;
  /** What each model can look at: JSON, by its id an `accept` like that of `composer.attachments`. */
  modelFiles: ModelFiles;
  /** Answers have a button that reads them aloud, by the browser's own speech. */
  readsAloud: boolean;
  /** There is nothing to do but to read: no composer, nothing new to begin, and the view opens at the beginning. */
  isReadOnly: boolean;
}

export const SETTING_ATTRIBUTES = ["data-resume", "data-stop-url", "data-search-url", "data-conversation-url", "data-on-busy", "data-assistant", "data-api-url", "data-keyboard", "data-page-keys", "data-prompts", "data-attachment-url", "data-model-files", "data-read-aloud", "data-read-only"];

export function readSettings(element: Element): Settings {
  const read = (name: string): string | null => element.getAttribute(name)?.trim() || null;
  const onBusy = read("data-on-busy");
  return {
    resumeUrl: read("data-resume"),
    stopUrl: read("data-stop-url"),
    searchUrl: read("data-search-url"),
    conversationUrl: read("data-conversation-url"),
    onBusy: onBusy === "enqueue" || onBusy === "interrupt" ? onBusy : null,
    assistant: read("data-assistant"),
    apiUrl: read("data-api-url"),
    ownsPage: read("data-keyboard") === "page",
    pageKeys: readPageKeys(read("data-page-keys") ?? ""),
    fillsPrompts: read("data-prompts") === "fill",
    attachmentUrl: read("data-attachment-url"),
    modelFiles: readModelFiles(read("data-model-files")),
    readsAloud: element.hasAttribute("data-read-aloud"),
    isReadOnly: element.hasAttribute("data-read-only"),
  };
}

/** What is no JSON says nothing: the server refuses what nobody can look at. */
function readModelFiles(text: string | null): ModelFiles {
  try {
    return (JSON.parse(text ?? "{}") ?? {}) as ModelFiles;
  } catch {
    return {};
  }
}

/** `Ctrl + K: Search; …`: a part without a colon names no key, and is left out. */
function readPageKeys(text: string): PageKey[] {
  return text.split(";").flatMap((part): PageKey[] => {
    const [key, meaning] = part.split(":").map((word) => word.trim());
    return key && meaning ? [[key, meaning]] : [];
  });
}

export function withParameter(url: string, name: string, value: string): string {
  return `${url}${url.includes("?") ? "&" : "?"}${name}=${encodeURIComponent(value)}`;
}

export function fillTemplate(template: string, values: Record<string, string>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? encodeURIComponent(values[name] as string) : whole,
  );
}
