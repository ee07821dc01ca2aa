/** Where sign-up is closed, an account is made with an invitation: a row that `natter users invite` writes. */
import { APIError } from "better-auth/api";

/** Of Better Auth's table of what is to be verified; the row's value is the address that was invited. */
export type Verifications = Readonly<{
  findVerificationValue: (identifier: string) => Promise<{ value: string; expiresAt: Date } | null>;
  deleteVerificationByIdentifier: (identifier: string) => Promise<unknown>;
}>;

type SignUp = Readonly<{ email?: unknown; invitation?: unknown }>;

const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/**
 * Raises `APIError` 403 unless the invitation is good for this address. It is asked before anything else is, so that
 * the answer says nothing about accounts; and for one address alone, so that it opens no other.
 */
export async function checkInvitation(verifications: Verifications, { email, invitation }: SignUp): Promise<void> {
  const found = await verifications.findVerificationValue(identifierOf(invitation));
  const isGood = found !== null && found.expiresAt > new Date() && found.value === String(email).toLowerCase();
  if (isGood) return;
  throw new APIError("FORBIDDEN", { code: "INVITATION_NEEDED", message: "Accounts are made by invitation here." });
}

export async function forgetInvitation(verifications: Verifications, { invitation }: SignUp): Promise<void> {
  await verifications.deleteVerificationByIdentifier(identifierOf(invitation));
}

function identifierOf(invitation: unknown): string {
  return `invitation:${typeof invitation === "string" && TOKEN.test(invitation) ? invitation : "none"}`;
}
