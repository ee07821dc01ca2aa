/** What the element knows of a thread. */

import type { ThreadItem, ThreadStatus } from "../protocol/types";

export interface Notice {
  key: number;
  level: "info" | "warning" | "danger";
  title: string | null;
  message: string;
  /** Our words for this code are shown in place of `message`, if it has any. Null: there is no code. */
  code: string | null;
  canRetry: boolean;
  /** Says why a turn ended. Removed when the server's stored turn says it as well. */
  isOfTurn?: boolean;
  /** The answer was cut off at its greatest length: "Continue" is offered. */
  canContinue?: boolean;
}

export interface ThreadState {
  id: string | null;
  title: string | null;
  status: ThreadStatus;
  allowedImageDomains: readonly string[];
  items: readonly ThreadItem[];
  /** Items that were added and are not done yet. If the run's attempt dies, the next attempt writes them again. */
  openItems: ReadonlySet<string>;
  /** The answer's text as a dead attempt had written it: shown, dimmed, until the new attempt has as much. */
  superseded: readonly ThreadItem[];
  /** By workflow item: how many `workflow.task.added` are still to come for tasks that the item has already. */
  tasksToExpect: ReadonlyMap<string, number>;
  progress: { text: string; icon: string | null } | null;
  allowCancel: boolean;
  notices: readonly Notice[];
  noticeCount: number;
  /** Where older items continue, newest first; null when the beginning is on screen. */
  olderCursor: string | null;
  hasOlder: boolean;
  /** How many items were put before those that were loaded first, so that an item stays in the group it is drawn in. */
  olderCount: number;
}

export const EMPTY_THREAD: ThreadState = {
  id: null,
  title: null,
  status: { type: "active" },
  allowedImageDomains: [],
  items: [],
  openItems: new Set(),
  superseded: [],
  tasksToExpect: new Map(),
  progress: null,
  allowCancel: true,
  notices: [],
  noticeCount: 0,
  olderCursor: null,
  hasOlder: false,
  olderCount: 0,
};
