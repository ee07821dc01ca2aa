"use client";

/** What an e-mailed link carries behind its `#`, where no server and no log sees it. */
import { useSyncExternalStore } from "react";

const never = () => () => undefined;

/** Empty on the server, and where the link carries nothing. */
export function useLinkToken(): string {
  return useSyncExternalStore(
    never,
    () => location.hash.slice(1),
    () => "",
  );
}

/** An invitation's link says for whom it is: `#invitation=…&email=…`. */
export function readInvitation(carried: string): Readonly<{ invitation: string; email: string }> | null {
  const parameters = new URLSearchParams(carried);
  const invitation = parameters.get("invitation");
  return invitation === null ? null : { invitation, email: parameters.get("email") ?? "" };
}
