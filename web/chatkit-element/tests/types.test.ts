import { expect, test } from "vitest";
import type { ChatKitOptions } from "@openai/chatkit";
import type * as Public from "../types/chatkit";

// Checked by the compiler (`npm run typecheck`): what a page writes against the published types.
function usage(module: typeof Public, options: ChatKitOptions): void {
  const element = document.createElement("openai-chatkit");
  element.setOptions(options);
  element.addEventListener("chatkit.thread.change", (event) => event.detail.threadId?.length);
  const own = new module.ChatKitElement();
  own.sendUserMessage({ text: "x" }).then(() => own.focusComposer());
  module.registerLocale("de", { send: "Senden" });
}

test("the module exports what its types say", async () => {
  expect(usage).toBeTypeOf("function");
  const module = await import("../src/chatkit");
  expect(Object.keys(module).sort()).toEqual(["ChatKitElement", "TAG_NAME", "registerLocale"]);
  expect(customElements.get(module.TAG_NAME)).toBe(module.ChatKitElement);
});
