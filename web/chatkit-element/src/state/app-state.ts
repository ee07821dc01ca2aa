/** Everything the view shows, in one immutable value. */

import type { Refusal } from "../options/attachments";
import type { Failure } from "../protocol/errors";
import type { Entity, Thread, ThreadItem, UserMessageInput, WireAttachment } from "../protocol/types";
import type { StoredTurn } from "./stored-turn";
import { EMPTY_THREAD, type ThreadState } from "./thread-state";

/** A message of the user that the server has not yet shown us back. */
export interface OutgoingMessage {
  key: string;
  input: UserMessageInput;
  attachments: readonly WireAttachment[];
  /**
   * queued: waits for the turn before it, or for the network. sending: on its way. accepted: the server has it and
   * will show it. failed: it was not accepted. restored: left over from before a refresh. Of the last two the person
   * decides what becomes of them.
   */
  status: "queued" | "sending" | "accepted" | "failed" | "restored";
  error: Failure | null;
  createdAtMs: number;
}

/** The turn whose answer is being written now. */
export interface Turn {
  /** Identifies the turn within its conversation: the run's id comes later, or never. */
  key: number;
  /** own: begun by this element, or found when the thread was loaded. remote: begun elsewhere, and seen on the stream. */
  origin: "own" | "remote";
  runId: string | null;
  /** Stop was pressed: no new text is shown, and the server has been told. */
  isStopping: boolean;
}

export interface ConversationState {
  /** Identifies the conversation in this page: the server's id comes with the first answer. */
  key: number;
  thread: ThreadState;
  /** The thread is being loaded: nothing of it is on screen yet. */
  isLoading: boolean;
  loadError: Failure | null;
  /** The server does not know the thread any more: it was deleted, here or elsewhere. */
  isGone: boolean;
  turn: Turn | null;
  /** What the server stored about turns that failed, were stopped or have versions. */
  storedTurns: readonly StoredTurn[];
  unsent: readonly OutgoingMessage[];
  feedback: Readonly<Record<string, "positive" | "negative">>;
  /** The conversation's stream is down and being reopened. */
  isReconnecting: boolean;
  isLoadingOlder: boolean;
}

export type ThreadSummary = Pick<Thread, "id" | "title" | "created_at" | "metadata">;

export interface HistoryState {
  isOpen: boolean;
  isLoading: boolean;
  error: Failure | null;
  threads: readonly ThreadSummary[];
  after: string | null;
  hasMore: boolean;
  query: string;
}

/** A file in the composer. */
export interface ComposerAttachment {
  /** Identifies it in this page: the server's id comes later. */
  key: string;
  name: string;
  mimeType: string;
  /** Null where only the server knows. */
  sizeBytes: number | null;
  status: "uploading" | "ready" | "failed";
  /** Share that has gone to the server, from 0 to 1. */
  progress: number;
  error: Failure | null;
  /** A picture of the file that was picked, from this page's memory. */
  previewUrl: string | null;
  /** What the server knows it as, once it is ready. */
  uploaded: WireAttachment | null;
  /** It was uploaded here and is in no message: whoever removes it deletes it. */
  isOwn: boolean;
}

export interface ComposerState {
  text: string;
  /** What was chosen to be mentioned; those whose `@title` is still in the text are sent as tags. */
  mentions: readonly Entity[];
  quote: string | null;
  attachments: readonly ComposerAttachment[];
  /** Files that were not taken, the last time that some were chosen. */
  refusals: readonly Refusal[];
  toolId: string | null;
  modelId: string | null;
  /** The message of the user that this will be another version of. */
  editedId: string | null;
}

export interface AppState {
  conversation: ConversationState;
  history: HistoryState;
  composer: ComposerState;
  isOnline: boolean;
  /** A thread is going to be opened, as soon as the page was told that the element is ready. */
  isStarting: boolean;
}

export const EMPTY_CONVERSATION: ConversationState = {
  key: 0,
  thread: EMPTY_THREAD,
  isLoading: false,
  loadError: null,
  isGone: false,
  turn: null,
  storedTurns: [],
  unsent: [],
  feedback: {},
  isReconnecting: false,
  isLoadingOlder: false,
};

export const EMPTY_COMPOSER: ComposerState = { text: "", mentions: [], quote: null, attachments: [], refusals: [], toolId: null, modelId: null, editedId: null };

export const EMPTY_HISTORY: HistoryState = {
  isOpen: false,
  isLoading: false,
  error: null,
  threads: [],
  after: null,
  hasMore: false,
  query: "",
};

/** The user message that an item answers, or null. */
export function userMessageBefore(items: readonly ThreadItem[], index = items.length): string | null {
  for (let i = index - 1; i >= 0; i--) {
    const item = items[i];
    if (item?.type === "user_message") return item.id;
  }
  return null;
}
