/** Why somebody who had a session is on the sign-in page, which says so: they did not ask to be signed out. */
export type SignedOutReason = "expired" | "elsewhere";

const TEXT: Record<SignedOutReason, string> = {
  expired: "Your session has ended. Sign in again to go on where you were: what you typed is kept.",
  elsewhere: "You signed out in another tab. Sign in again to go on where you were.",
};

/** The words for the `why` parameter of the address; null for an unknown value. */
export function signedOutText(why: unknown): string | null {
  return why === "expired" || why === "elsewhere" ? TEXT[why] : null;
}
