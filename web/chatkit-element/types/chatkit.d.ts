import type { OpenAIChatKit } from "@openai/chatkit";

export type { ChatKitEvents, ChatKitOptions, OpenAIChatKit } from "@openai/chatkit";

/** The class behind `<openai-chatkit>`; loading the module defines the element. */
export declare const ChatKitElement: { new (): OpenAIChatKit; prototype: OpenAIChatKit };

/** The element's name, `openai-chatkit`. */
export declare const TAG_NAME: "openai-chatkit";

/**
 * Adds or replaces a language. `tag` is a BCP 47 tag such as `de`; `texts` gives the texts by key
 * (the keys are those of `src/text/locales/en.ts`); what is missing stays English.
 */
export declare function registerLocale(tag: string, texts: Readonly<Record<string, string>>): void;

declare global {
  interface HTMLElementTagNameMap {
    "openai-chatkit": OpenAIChatKit;
  }
}
