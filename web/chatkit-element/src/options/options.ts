/** The published options with their defaults, and which of the given ones we do not know. */

import type { ChatKitOptions, Command, CommandSelection } from "@openai/chatkit";
import type { Entity } from "../protocol/types";
import { type AttachmentRules, attachmentRules } from "./attachments";

const KNOWN_OPTIONS = new Set([
  "api", "locale", "theme", "frameTitle", "initialThread", "onClientTool", "header", "history", "startScreen",
  "threadItemActions", "composer", "disclaimer", "entities", "commands", "widgets", "thread",
]);

export interface ViewOptions {
  title: string;
  header: { isEnabled: boolean; isTitleShown: boolean; title: string | null };
  leftAction: NonNullable<ChatKitOptions["header"]>["leftAction"];
  rightAction: NonNullable<ChatKitOptions["header"]>["rightAction"];
  history: { isEnabled: boolean; canDelete: boolean; canRename: boolean };
  greeting: string | null;
  prompts: NonNullable<NonNullable<ChatKitOptions["startScreen"]>["prompts"]>;
  autoScroll: boolean;
  canRetry: boolean;
  canRate: boolean;
  placeholder: string | null;
  tools: NonNullable<NonNullable<ChatKitOptions["composer"]>["tools"]>;
  models: NonNullable<NonNullable<ChatKitOptions["composer"]>["models"]>;
  /** Null where nothing can be attached. */
  attachments: AttachmentRules | null;
  hasDictation: boolean;
  disclaimer: { text: string; isHighContrast: boolean } | null;
  hasMentionButton: boolean;
  searchEntities: ((query: string) => Promise<Entity[]>) | undefined;
  searchCommands: ((query: string) => Promise<Command[]>) | undefined;
  selectCommand: ((command: Command) => Promise<CommandSelection | null>) | undefined;
  onEntityClick: ((entity: Entity) => void) | undefined;
  /** Resolves with a widget, or null. */
  onEntityPreview: ((entity: Entity) => Promise<unknown>) | undefined;
}

export function viewOptions(options: Partial<ChatKitOptions>): ViewOptions {
  const { header, history, startScreen, thread, threadItemActions, composer, disclaimer } = options;
  return {
    ...entityOptions(options.entities),
    ...commandOptions(options.commands),
    title: options.frameTitle ?? "Chat",
    header: {
      isEnabled: header?.enabled ?? true,
      isTitleShown: header?.title?.enabled ?? true,
      title: header?.title?.text ?? null,
    },
    leftAction: header?.leftAction,
    rightAction: header?.rightAction,
    history: {
      isEnabled: history?.enabled ?? true,
      canDelete: history?.showDelete ?? true,
      canRename: history?.showRename ?? true,
    },
    greeting: startScreen?.greeting ?? null,
    prompts: startScreen?.prompts ?? [],
    autoScroll: thread?.autoScroll ?? false,
    canRetry: threadItemActions?.retry ?? false,
    canRate: threadItemActions?.feedback ?? false,
    placeholder: composer?.placeholder ?? null,
    tools: composer?.tools ?? [],
    models: composer?.models ?? [],
    attachments: attachmentRules(composer),
    hasDictation: composer?.dictation?.enabled ?? false,
    disclaimer: disclaimer?.text ? { text: disclaimer.text, isHighContrast: disclaimer.highContrast ?? false } : null,
  };
}

/** The page's functions, called as methods of the object that they came in. */
function entityOptions(entities: ChatKitOptions["entities"]): Pick<ViewOptions, "hasMentionButton" | "searchEntities" | "onEntityClick" | "onEntityPreview"> {
  return {
    hasMentionButton: (entities?.showComposerMenu ?? false) && entities?.onTagSearch !== undefined,
    searchEntities: entities?.onTagSearch && (async (query) => (await entities.onTagSearch?.(query)) ?? []),
    onEntityClick: entities?.onClick && ((entity) => entities.onClick?.(entity as never)),
    onEntityPreview: entities?.onRequestPreview && (async (entity) => (await entities.onRequestPreview?.(entity as never))?.preview ?? null),
  };
}

function commandOptions(commands: ChatKitOptions["commands"]): Pick<ViewOptions, "searchCommands" | "selectCommand"> {
  const isOffered = (commands?.enabled ?? false) && commands?.onSearch !== undefined;
  return {
    searchCommands: isOffered ? async (query) => (await commands?.onSearch?.(query)) ?? [] : undefined,
    selectCommand: isOffered ? async (command) => (await commands?.onSelect?.(command)) ?? null : undefined,
  };
}

export function unknownOptions(options: object): string[] {
  return Object.keys(options).filter((key) => !KNOWN_OPTIONS.has(key));
}
