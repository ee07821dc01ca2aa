/** Makes messages from the composer's content and from the prompts of the start screen. */

import type { ModelOption } from "@openai/chatkit";
import type { ViewOptions } from "../options/options";
import type { UserContent, WireAttachment } from "../protocol/types";
import type { ComposerState } from "../state/app-state";
import { uploadedOf } from "../chat/attachments";
import type { Chat } from "../chat/chat";
import { contentOf } from "../state/mentions";

/** The model that a message will be sent with: the chosen one, else the default, else the first that can be used. */
export function selectedModel(models: readonly ModelOption[], modelId: string | null): ModelOption | null {
  const usable = models.filter((model) => !model.disabled);
  return usable.find((model) => model.id === modelId) ?? usable.find((model) => model.default) ?? usable[0] ?? null;
}

/** There is something to say, and no file that is on its way or did not arrive: it would be missing. */
export function canSend({ text, attachments }: Pick<ComposerState, "text" | "attachments">): boolean {
  return attachments.every(({ status }) => status === "ready") && (text.trim() !== "" || attachments.length > 0);
}

/** Sends what is in the composer and empties it. A chosen tool stays chosen only if it is persistent. */
export async function sendComposer(chat: Chat, options: ViewOptions): Promise<void> {
  // The state as it is now, not as it was drawn: Enter may come in the same frame as the last letter.
  const { text, mentions, quote, attachments, toolId, editedId } = chat.store.state.composer;
  if (!canSend(chat.store.state.composer)) return;
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
