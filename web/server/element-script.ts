/** Where the page loads `<openai-chatkit>` from. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { ChatkitElement } from "./settings";

const DIRECTORY = "public/chatkit";

/** The file's own hash in its address, so that a browser may keep it for good (next.config.ts). */
function hashedScriptUrl(): string {
  const hash = createHash("sha256").update(readFileSync(join(process.cwd(), DIRECTORY, "chatkit.js"))).digest("hex");
  return `/chatkit/chatkit.js?v=${hash.slice(0, 16)}`;
}

let known: string | undefined;

export function elementScriptUrl(element: ChatkitElement): string {
  return element.source === "openai"
    ? "https://cdn.platform.openai.com/deployments/chatkit/chatkit.js"
    : ownElementScriptUrl();
}

/** Of our own element, whichever shows the chat: only ours can be read-only. */
export function ownElementScriptUrl(): string {
  return (known ??= hashedScriptUrl());
}
