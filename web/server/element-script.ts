/** Where the page loads `<openai-chatkit>` from. */
import type { ChatkitElement } from "./settings";

export function elementScriptUrl(element: ChatkitElement): string {
  return element.source === "openai"
    ? "https://cdn.platform.openai.com/deployments/chatkit/chatkit.js"
    : "/chatkit/chatkit.js";
}
