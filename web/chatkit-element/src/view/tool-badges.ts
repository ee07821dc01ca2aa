/**
 * How a tool call is shown: the one place that says what a task's fields mean as a badge.
 *
 * ChatKit has no item for a server-side tool call and no state for a failed task, so a server that wants to say more
 * than running and complete says it with the icon of a `custom` task:
 *
 * | state       | status_indicator | icon                |
 * |-------------|------------------|---------------------|
 * | running     | loading          | any                 |
 * | success     | complete         | any but `info`      |
 * | failed      | complete         | info                |
 * | interrupted | none             | circle-question     |
 */

import type { Task } from "../protocol/types";

export type BadgeState = "running" | "success" | "failed" | "interrupted";

export const FAILED_ICON = "info";
export const INTERRUPTED_ICON = "circle-question";
export const SUCCESS_ICON = "check-circle-filled";

/** @param isTurnActive a task that is still loading when nothing is being answered was interrupted. */
export function badgeOf(task: Task, isTurnActive: boolean): BadgeState | null {
  switch (task.status_indicator) {
    case "loading":
      return isTurnActive ? "running" : "interrupted";
    case "complete":
      return task.type === "custom" && task.icon === FAILED_ICON ? "failed" : "success";
    default:
      return task.type === "custom" && task.icon === INTERRUPTED_ICON ? "interrupted" : null;
  }
}

export const BADGE_ICONS: Record<BadgeState, string> = {
  running: "lucide:loader-circle",
  success: "check-circle-filled",
  failed: "lucide:circle-x",
  interrupted: "lucide:circle-dashed",
};
