/**
 * How a tool call is shown: the one place that says what a task's fields mean as a badge.
 *
 * ChatKit has no item for a server-side tool call and no state for a failed task, so a server that wants to say more
 * than running and complete says it with the icon of a `custom` task:
 *
 * | state       | status_indicator | icon                |
 * |-------------|------------------|---------------------|
 * | running     | loading          | any                 |
 * | success     | complete         | any other           |
 * | failed      | complete         | info                |
 * | unknown     | complete         | circle-question     |
 * | interrupted | none             | circle-question     |
 *
 * A task that is loading while its run waits for a person, or for a tool of the page, is shown as waiting.
 */

import type { Task } from "../protocol/types";

export type BadgeState = "running" | "success" | "failed" | "unknown" | "interrupted" | "waiting";

export const FAILED_ICON = "info";
/** On a complete task: nobody knows whether it happened. On one that is not complete: nobody knows how far it came. */
export const UNKNOWN_ICON = "circle-question";
export const SUCCESS_ICON = "check-circle-filled";

/**
 * @param isTurnActive an answer is being written; without one, a task that is still loading was interrupted.
 * @param isWaiting the task's run stands still until a question, or a call of the page's tool, is answered.
 */
export function badgeOf(task: Task, isTurnActive: boolean, isWaiting: boolean): BadgeState | null {
  switch (task.status_indicator) {
    case "loading":
      if (isWaiting) return "waiting";
      return isTurnActive ? "running" : "interrupted";
    case "complete":
      if (task.type !== "custom") return "success";
      return task.icon === FAILED_ICON ? "failed" : task.icon === UNKNOWN_ICON ? "unknown" : "success";
    default:
      return task.type === "custom" && task.icon === UNKNOWN_ICON ? "interrupted" : null;
  }
}

export const BADGE_ICONS: Record<BadgeState, string> = {
  running: "lucide:loader-circle",
  success: "check-circle-filled",
  failed: "lucide:circle-x",
  unknown: "circle-question",
  interrupted: "lucide:circle-dashed",
  waiting: "clock",
};
