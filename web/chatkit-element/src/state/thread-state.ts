/** What the element knows of the conversation that is on screen. */

import type { ThreadItem, ThreadStatus } from "../protocol/types";

export interface Notice {
  key: number;
  level: "info" | "warning" | "danger";
  title: string | null;
  message: string;
  /** What happened, where there is a code for it: some have words of ours, and those are shown. */
  code: string | null;
  canRetry: boolean;
  /** The end of a turn: not shown beside what is told of that turn. */
  isOfTurn?: boolean;
  /** The answer was cut off: its writer may be asked for the rest. */
  canContinue?: boolean;
}

/** When a workflow or a task was first seen running, and when it was first seen finished (milliseconds). */
export interface TaskTime {
  startedAtMs: number;
  endedAtMs: number | null;
}

export interface ThreadState {
  id: string | null;
  title: string | null;
  status: ThreadStatus;
  allowedImageDomains: readonly string[];
  items: readonly ThreadItem[];
  /** Items that were added and not yet done: what a new attempt or a lost connection makes void. */
  openItems: ReadonlySet<string>;
  /** What a dead attempt had shown of its answer: it stays, dimmed, until the new attempt has overtaken it. */
  superseded: readonly ThreadItem[];
  /** By item, and by item and index of the task. */
  taskTimes: ReadonlyMap<string, TaskTime>;
  /** By workflow item: how many announcements of tasks that it already has are still to come. */
  tasksToExpect: ReadonlyMap<string, number>;
  progress: { text: string; icon: string | null } | null;
  allowCancel: boolean;
  notices: readonly Notice[];
  noticeCount: number;
  /** Where older items continue, newest first; null when the beginning is on screen. */
  olderCursor: string | null;
  hasOlder: boolean;
  /** How many items were put before those that were loaded first: what is drawn in groups stays in its group. */
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
  taskTimes: new Map(),
  tasksToExpect: new Map(),
  progress: null,
  allowCancel: true,
  notices: [],
  noticeCount: 0,
  olderCursor: null,
  hasOlder: false,
  olderCount: 0,
};
