/** Makes messages from the composer's content and from the prompts of the start screen. */

import type { ModelOption } from "@openai/chatkit";
import { type AttachmentRules, isTaken, rulesForModel } from "../options/attachments";
import type { ViewOptions } from "../options/options";
import type { UserContent, WireAttachment } from "../protocol/types";
import type { ComposerState } from "../state/app-state";
import { uploadedOf } from "../chat/attachments";
import type { Chat } from "../chat/chat";
import type { View } from "./context";
import { contentOf } from "../state/mentions";

/** The model that a message will be sent with: the chosen one, else the default, else the first that can be used. */
export function selectedModel(models: readonly ModelOption[], modelId: string | null): ModelOption | null {
  const usable = models.filter((model) => !model.disabled);
  return usable.find((model) => model.id === modelId) ?? usable.find((model) => model.default) ?? usable[0] ?? null;
}

/** Which files may go with a message now. */
export function rulesOf({ options, modelFiles }: Pick<View, "options" | "modelFiles">, modelId: string | null): AttachmentRules | null {
  return rulesForModel(options.attachments, modelFiles, selectedModel(options.models, modelId)?.id ?? null);
}

/** There is something to say, and no file that is on its way, did not arrive, or that nobody could look at. */
export function canSend({ text, attachments }: Pick<ComposerState, "text" | "attachments">, rules: AttachmentRules | null): boolean {
  const areThere = attachments.every((one) => one.status === "ready" && (rules === null || isTaken(one, rules)));
  return areThere && (text.trim() !== "" || attachments.length > 0);
}

/** Sends what is in the composer and empties it. A chosen tool stays chosen only if it is persistent. */
export async function sendComposer({ chat, options, modelFiles }: Pick<View, "chat" | "options" | "modelFiles">): Promise<void> {
  // The state as it is now, not as it was drawn: Enter may come in the same frame as the last letter.
  const { text, mentions, quote, attachments, toolId, modelId, editedId } = chat.store.state.composer;
  if (!canSend(chat.store.state.composer, rulesOf({ options, modelFiles }, modelId))) return;
  const content = contentOf(text.trim(), mentions);
  const sent = send(chat, options, content, quote, uploadedOf(attachments), editedId);
  const isPersistent = options.tools.find((tool) => tool.id === toolId)?.persistent ?? false;
  chat.setComposer({ text: "", mentions: [], quote: null, attachments: [], refusals: [], editedId: null, ...(!isPersistent && { toolId: null }) });
  await sent;
}

export async function sendContent(chat: Chat, options: ViewOptions, content: UserContent[]): Promise<void> {
  await send(chat, options, content, null, []);
}

async function send(
  chat: Chat,
  options: ViewOptions,
  content: UserContent[],
  quote: string | null,
  attachments: readonly WireAttachment[],
  editedId: string | null = null,
): Promise<void> {
  const { toolId, modelId } = chat.store.state.composer;
  const model = selectedModel(options.models, modelId)?.id ?? modelId;
  const input = {
    content,
    attachments: attachments.map((attachment) => attachment.id),
    ...(quote !== null && { quoted_text: quote }),
    inference_options: { ...(toolId && { tool_choice: { id: toolId } }), ...(model && { model }) },
  };
  if (editedId !== null) await chat.sendEdit(editedId, input, attachments);
  else await chat.send(input, attachments, false);
}
