/**
 * Deletions that another page has sent, and that the server may not have done yet: the page before this one in the tab,
 * which was left before its request was answered, or another tab. No event tells the list of them.
 */
import { chatkitUrl } from "@/features/chat/chat-options";

/** A deletion that the server has not done by then has failed: the conversation is shown again. */
export const DELETION_MILLISECONDS_MAX = 10_000;

type Sent = Readonly<{ ids: readonly string[]; sentAtMs: number }>;

const keyOf = (userId: string) => `natter-deletions:${userId}`;

let channel: BroadcastChannel | null = null;

/** One channel for sending and receiving: it does not receive its own messages. The chat element listens to it as well. */
function channelOf(userId: string): BroadcastChannel {
  const name = `chatkit-element:deletions:${new URL(chatkitUrl(userId), location.origin).href}`;
  if (channel?.name !== name) {
    channel?.close();
    channel = new BroadcastChannel(name);
  }
  return channel;
}

/** To be called before the requests are sent: the page may be closed before their answers. */
export function tellDeletions(userId: string, ids: readonly string[]): void {
  for (const id of ids) channelOf(userId).postMessage(id);
  try {
    sessionStorage.setItem(keyOf(userId), JSON.stringify({ ids, sentAtMs: Date.now() } satisfies Sent));
  } catch {
    // Full or forbidden: the next page may list for a moment what is being deleted.
  }
}

/** Calls back with the ids of conversations that are being deleted elsewhere. Returns a function that ends this. */
export function listenForDeletions(userId: string, onDeletions: (ids: readonly string[]) => void): () => void {
  const onMessage = ({ data }: MessageEvent<string>) => onDeletions([data]);
  const listening = channelOf(userId);
  listening.addEventListener("message", onMessage);
  const ids = sentBefore(userId);
  if (ids.length > 0) onDeletions(ids);
  return () => listening.removeEventListener("message", onMessage);
}

function sentBefore(userId: string): readonly string[] {
  try {
    const { ids, sentAtMs } = JSON.parse(sessionStorage.getItem(keyOf(userId)) ?? "null") as Sent;
    return Date.now() - sentAtMs < DELETION_MILLISECONDS_MAX ? ids : [];
  } catch {
    return []; // nothing was sent, or storage is forbidden
  }
}
