/** How ChatKit is configured here, for whichever element shows it. */
import type { ChatKitIcon, ChatKitOptions } from "@openai/chatkit";

import { askForSidebar } from "@/features/conversations/sidebar-toggle";

import { both, commandsOf, resourceEntities, taskEntities } from "./mentions";
import type { Assistant, Offer } from "./use-assistants";

/** The assistant that works with the reader's tasks. */
const TASK_ASSISTANT_ID = "todo";

export type ChatSetup = Readonly<{
  userId: string;
  domainKey: string;
  scheme: "light" | "dark";
  initialThread: string | null;
  /** The assistant that the reader writes to; null where the server did not say which there are. */
  assistant: Assistant | null;
  /** What may go with a message: files, speech. */
  offer: Pick<Offer, "attachments" | "dictation">;
  fetch: typeof globalThis.fetch;
}>;

export function chatkitUrl(userId: string): string {
  return `/api/${encodeURIComponent(userId)}/chatkit`;
}

/** Settings that ChatKit's options have no place for: address templates, and how the chat behaves in this page. */
export function elementSettings({ userId, assistant, offer }: Pick<ChatSetup, "userId" | "assistant" | "offer">): Record<`data-${string}`, string> {
  const base = `/api/${encodeURIComponent(userId)}`;
  return {
    "data-resume": `${base}/conversations/{thread_id}/stream`,
    "data-stop-url": `${base}/runs/{run_id}/cancel`,
    "data-conversation-url": `${base}/conversations/{thread_id}`,
    "data-attachment-url": `${base}/attachments/{attachment_id}/content`,
    "data-model-files": JSON.stringify(filesByModel(assistant, offer.attachments)),
    "data-read-aloud": "",
    "data-keyboard": "page",
    "data-page-keys": "Ctrl / ⌘ + K: Search in what was said",
    "data-prompts": "fill",
  };
}

/** The page's own colours (globals.css), so that the chat has no visible edge. */
const SURFACES = {
  light: { background: "#fafbf9", foreground: "#0c120e" },
  dark: { background: "#0a0c0b", foreground: "#eef2ef" },
} as const;

export function appearance(scheme: "light" | "dark"): Pick<ChatKitOptions, "theme"> {
  return {
    theme: {
      colorScheme: scheme,
      radius: "round",
      density: "normal",
      typography: {
        baseSize: 16,
        fontFamily: 'var(--font-geist-sans, "Geist"), ui-sans-serif, system-ui, sans-serif',
        fontFamilyMono: 'var(--font-geist-mono, "Geist Mono"), ui-monospace, monospace',
      },
      color: {
        grayscale: { hue: 150, tint: 2 },
        accent: { primary: "#0FFF50", level: 0 },
        surface: SURFACES[scheme],
      },
    },
  };
}

export function chatOptions({ userId, domainKey, scheme, initialThread, assistant, offer, fetch }: ChatSetup): ChatKitOptions {
  return {
    api: { url: new URL(chatkitUrl(userId), location.origin).href, domainKey, fetch, uploadStrategy: { type: "two_phase" } },
    initialThread,
    ...appearance(scheme),
    header: { enabled: true, leftAction: { icon: "sidebar-left", onClick: askForSidebar } },
    // The list of conversations is the page's own (features/conversations).
    history: { enabled: false },
    startScreen: startScreenOf(assistant),
    threadItemActions: { feedback: true, retry: true },
    thread: { autoScroll: true },
    composer: { placeholder: "Ask, or say what to do…", ...choicesOf(assistant), ...inputOf(offer, assistant) },
    ...mentionsOf(userId, assistant),
  };
}

function mentionsOf(userId: string, assistant: Assistant | null): Pick<ChatKitOptions, "entities" | "commands"> {
  if (assistant === null) return {};
  const { assistant_id, commands, resources } = assistant;
  const tasks = assistant_id === TASK_ASSISTANT_ID ? taskEntities(userId) : null;
  const read = resources.length > 0 ? resourceEntities(resources) : null;
  const entities = tasks && read ? both(tasks, read) : (tasks ?? read);
  return { ...(entities ? { entities } : {}), ...(commands.length > 0 ? { commands: commandsOf(commands) } : {}) };
}

function startScreenOf(assistant: Assistant | null): NonNullable<ChatKitOptions["startScreen"]> {
  const prompts = (assistant?.start_prompts ?? []).map(({ label, prompt, icon }) => ({
    label,
    prompt,
    ...(icon ? { icon: icon as ChatKitIcon } : {}),
  }));
  return { greeting: assistant?.greeting || "What can I help you with?", prompts };
}

/** The composer's menus of tools and models, each left out if it would be empty. */
function choicesOf(assistant: Assistant | null): Pick<NonNullable<ChatKitOptions["composer"]>, "tools" | "models"> {
  const tools = (assistant?.tools ?? []).map(({ id, label, icon }) => ({
    id,
    label,
    icon: (icon ?? "sparkle") as ChatKitIcon,
  }));
  const models = (assistant?.models ?? []).map(({ id, label, description, is_default }) => ({
    id,
    label,
    ...(description ? { description } : {}),
    default: is_default,
  }));
  return { ...(tools.length > 0 ? { tools } : {}), ...(models.length > 1 ? { models } : {}) };
}

/** Text has many types and names, of which browsers know few: the server calls each of these plain text. */
const TEXT_NAMES = [".txt", ".log", ".md", ".csv", ".json", ".yaml", ".yml", ".toml", ".sql", ".py", ".ts", ".tsx", ".js", ".sh", ".go", ".rs", ".java"];

type Attachable = NonNullable<Offer["attachments"]>;
type Accept = Record<string, string[]>;

/** Of the types that the server takes, those that who answers can do something with. `patterns`: of a card. */
function acceptOf({ types }: Attachable, patterns: readonly string[]): Accept {
  const taken = types.filter((type) => patterns.some((pattern) => pattern === "*/*" || pattern === type || (pattern.endsWith("/*") && type.startsWith(pattern.slice(0, -1)))));
  return Object.fromEntries(taken.map((type) => (type === "text/plain" ? ["text/*", TEXT_NAMES] : [type, []])));
}

/** What each model that one may choose can look at; the composer says so when another one is chosen. */
function filesByModel(assistant: Assistant | null, attachments: Offer["attachments"]): Record<string, Accept> {
  if (attachments === null) return {};
  return Object.fromEntries((assistant?.models ?? []).map(({ id, attachment_types }) => [id, acceptOf(attachments, attachment_types)]));
}

/** What the assistant takes; where one may choose its model, what any of them does. */
function typesOf(assistant: Assistant | null): readonly string[] {
  if (assistant === null) return ["*/*"];
  return assistant.models.length > 0 ? assistant.models.flatMap(({ attachment_types }) => attachment_types) : assistant.attachment_types;
}

/** Files and speech, where the server takes them. It looks into each file; what is refused here is refused sooner. */
function inputOf({ attachments, dictation }: ChatSetup["offer"], assistant: Assistant | null): Pick<NonNullable<ChatKitOptions["composer"]>, "attachments" | "dictation"> {
  return {
    ...(attachments && {
      attachments: {
        enabled: true,
        maxSize: { "image/*": attachments.picture_bytes_max, "*": attachments.bytes_max },
        maxCount: attachments.count_max,
        accept: acceptOf(attachments, typesOf(assistant)),
      },
    }),
    ...(dictation && { dictation: { enabled: true } }),
  };
}
