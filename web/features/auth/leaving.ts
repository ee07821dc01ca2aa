/** The end of a session, as a tab sees it: it leaves for the sign-in page, and the other tabs with it. */
import { forgetWhatWasRead } from "@/lib/read-cache";

import type { SignedOutReason } from "./signed-out";

const SESSION_CHANNEL = "natter-session";

let stays = false;

/** After this, the tab does not leave by itself: what it shows is for somebody whose account is gone. */
export function stayHere(): void {
  stays = true;
}

/** Leaves this tab for the sign-in page, by a full load: nothing of the old session stays in memory. */
export function leaveForSignIn(why: SignedOutReason): void {
  if (stays) return;
  void forgetWhatWasRead();
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}&why=${why}`);
}

/** Called when the services refused the session: it has expired, or was ended elsewhere. */
export function leaveAsExpired(): void {
  leaveForSignIn("expired");
}

/** Ends the session on the server, then tells the other tabs. Raises what the network raises. */
export async function signOut(): Promise<{ code?: string | undefined; status: number } | null> {
  const { authClient } = await import("./auth-client"); // when it is needed, which on most pages it is not
  const { error } = await authClient.signOut();
  if (error) return error;
  announceSignOut();
  await forgetWhatWasRead();
  location.assign("/sign-in");
  return null;
}

/** One channel for sending and receiving: it does not receive its own messages, but a second one in this tab would. */
let channel: BroadcastChannel | undefined;

function sessionChannel(): BroadcastChannel {
  channel ??= new BroadcastChannel(SESSION_CHANNEL);
  return channel;
}

export function announceSignOut(): void {
  sessionChannel().postMessage("signed-out");
}

export function onSignOutElsewhere(react: () => void): () => void {
  const listening = sessionChannel();
  listening.addEventListener("message", react);
  return () => listening.removeEventListener("message", react);
}
