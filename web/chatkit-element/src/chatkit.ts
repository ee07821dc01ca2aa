/** The module a page loads: defines `<openai-chatkit>`, unless the page has one already. */

import { ChatKitElement } from "./element";

export type { ChatKitEvents, ChatKitOptions, OpenAIChatKit } from "@openai/chatkit";
export { registerLocale } from "./text/locale";
export { ChatKitElement };

export const TAG_NAME = "openai-chatkit";

if (!customElements.get(TAG_NAME)) customElements.define(TAG_NAME, ChatKitElement);
