/** Why somebody who had a session is on the sign-in page: told there in words, because nobody asked to be signed out. */
export type SignedOutReason = "expired" | "elsewhere";

const TEXT: Record<SignedOutReason, string> = {
  expired: "Your session has ended. Sign in again to go on where you were: what you typed is kept.",
  elsewhere: "You signed out in another tab. Sign in again to go on where you were.",
};

/** The words for the `why` of the address; null for any other value. */
export function signedOutText(why: unknown): string | null {
  return why === "expired" || why === "elsewhere" ? TEXT[why] : null;
}
