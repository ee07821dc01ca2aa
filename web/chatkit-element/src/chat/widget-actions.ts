/** What people do in widgets: who handles it, and until when the widget shows that it is being done. */

import type { ActionParams } from "../protocol/client";
import type { ThreadItem, WidgetItem } from "../protocol/types";
import { reduceThread } from "../state/thread-reducer";
import type { ThreadState } from "../state/thread-state";

/** `ActionConfig` of chatkit.actions; the payload has the values of the form that the component is in. */
export interface WidgetAction {
  type: string;
  payload?: unknown;
  handler?: "client" | "server";
  streaming?: boolean;
}

export interface WidgetActionHost {
  thread(): ThreadState;
  updateThread(change: (thread: ThreadState) => ThreadState): void;
  /** Resolves once the server accepted the action. Never raises: a refusal is shown. */
  sendAction(action: { type: string; payload?: unknown }, itemId: string): Promise<void>;
  /** Resolves with the item as the action has left it, null for one that is as it was, or gone. */
  sendSyncAction(params: ActionParams): Promise<ThreadItem | null>;
  /** Resolves when no turn is being written. */
  whenIdle(): Promise<void>;
  /** The page's `widgets.onAction`. */
  onAction(): ((action: { type: string; payload?: unknown }, item: WidgetItem) => Promise<void>) | undefined;
  onFailed(error: Error): void;
}

/** Resolves when the action is done, however it ended. Never raises: a failure is reported, and shown. */
export async function performWidgetAction(host: WidgetActionHost, config: WidgetAction, item: WidgetItem): Promise<void> {
  const action = { type: config.type, ...(config.payload !== undefined && { payload: config.payload }) };
  try {
    if (config.handler === "client") await host.onAction()?.(action, item);
    else if (config.streaming === false) await performSync(host, action, item.id);
    else {
      await host.sendAction(action, item.id);
      await host.whenIdle();
    }
  } catch (error) {
    host.onFailed(error as Error);
  }
}

async function performSync(host: WidgetActionHost, action: { type: string; payload?: unknown }, itemId: string): Promise<void> {
  const { id } = host.thread();
  if (id === null) return;
  const updated = await host.sendSyncAction({ thread_id: id, item_id: itemId, action });
  // The stream may have brought it already; it is the same item then.
  if (updated !== null) host.updateThread((thread) => reduceThread(thread, { type: "thread.item.replaced", item: updated }));
}
