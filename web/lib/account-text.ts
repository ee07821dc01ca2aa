/** What people read when something about signing in or an account fails: the codes of Better Auth and of its plugins.
 *
 * Apart from error-text.ts, because the chat page shows none of them.
 */
import { errorText, type Failure } from "./error-text";

const NOT_COMPLETED = "That provider did not complete the sign-in. Try again, or tell whoever runs this Natter.";

const NO_PASSKEY = "No passkey was made or used. Try again, or go another way.";
const NEEDS_A_NAME = "Passkeys need the name of the site. Open Natter by it: on its own machine as localhost, not by numbers.";
const UNVERIFIED = "The device has to ask for its PIN, your finger or your face. Set that up on it, or use another one.";

const TEXT_BY_CODE: Record<string, string> = {
  INVALID_EMAIL_OR_PASSWORD: "That e-mail and password do not belong together. Check both and try again.",
  INVALID_EMAIL: "That does not look like an e-mail address.",
  INVALID_PASSWORD: "That is not your current password.",
  sign_in_instead: "If this address is new here, you can sign in now. If you had an account, sign in with its password.",
  wrong_or_unconfirmed:
    "That e-mail and password do not belong together, or the address is not confirmed yet. If so, a new link is on its way to it.",
  INVITATION_NEEDED: "Accounts are made by invitation here, and this address has none that is still good. Ask whoever runs this Natter.",
  INVALID_TOKEN: "This link is not good, or was used before. Ask for a new one.",
  TOKEN_EXPIRED: "This link has expired. Ask for a new one.",
  INVALID_USER: "This link belongs to another account than the one that is signed in here.",
  USER_NOT_FOUND: "This link is not good any more. Ask for a new one.",
  SIGN_IN_FIRST: "Sign in first, in another tab, then press the button again.",
  // Signing in elsewhere (OpenID Connect)
  account_not_linked: "There is an account with this address already. Sign in to it, then connect the two under Account.",
  signup_disabled: "There is no account for you here yet, and accounts are made by invitation. Ask whoever runs this Natter.",
  email_not_found: "Your provider does not vouch for your e-mail address, so it cannot be used to sign in here.",
  account_already_linked_to_different_user: "That account elsewhere is connected to another account here.",
  access_denied: "You did not allow it there, so nothing has happened.",
  state_mismatch: "That took too long, or was begun in another browser. Try again.",
  PROVIDER_UNAVAILABLE: "That provider is not answering right now. Try again in a moment, or sign in another way.",
  PROVIDER_NOT_FOUND: "People do not sign in with that provider here any more. Sign in another way.",
  oauth_provider_not_found: "People do not sign in with that provider here any more. Sign in another way.",
  invalid_code: NOT_COMPLETED,
  unable_to_get_user_info: NOT_COMPLETED,
  issuer_mismatch: NOT_COMPLETED,
  FAILED_TO_UNLINK_LAST_ACCOUNT: "This is the only way into your account. Set a password first.",
  MAIL_UNAVAILABLE: "E-mails cannot be sent right now, so nothing was done. Try again in some minutes.",
  // Passkeys
  AUTH_CANCELLED: NO_PASSKEY,
  ERROR_CEREMONY_ABORTED: NO_PASSKEY,
  ERROR_PASSTHROUGH_SEE_CAUSE_PROPERTY: NO_PASSKEY,
  ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED: "This device has a passkey for your account already.",
  ERROR_INVALID_DOMAIN: NEEDS_A_NAME,
  ERROR_INVALID_RP_ID: NEEDS_A_NAME,
  ERROR_AUTHENTICATOR_MISSING_USER_VERIFICATION_SUPPORT: UNVERIFIED,
  PASSKEY_NOT_VERIFIED: UNVERIFIED,
  PASSKEY_NOT_FOUND: "This passkey does not belong to an account here any more. Sign in another way.",
  AUTHENTICATION_FAILED: "This passkey was not accepted. Try again, or sign in another way.",
  CHALLENGE_NOT_FOUND: "That took too long. Try again.",
  TOO_MANY_PASSKEYS: "There are as many passkeys as an account can have. Delete one that you need no more.",
  RESET_PASSWORD_DISABLED: "This Natter sends no e-mails. Whoever runs it can give you a link for a new password.",
  CHANGE_EMAIL_DISABLED: "This Natter sends no e-mails, so an address cannot be changed.",
  PASSWORD_TOO_SHORT: "Use at least 8 characters for your password.",
  PASSWORD_TOO_LONG: "That password is too long. Use at most 128 characters.",
  SESSION_NOT_FRESH: "You have been signed in for a while. Sign in again to do this.",
  SESSION_EXPIRED: "You have been signed in for a while. Sign in again to do this.",
  INVALID_NAME: "Use a name of one line with at most 100 characters.",
  INVALID_IMAGE: "A picture needs an https address.",
  TOO_MANY_GUESSES: "Too many wrong passwords for this account. Try again in an hour.",
  REVOCATION_FAILED: "This was done, but chats that are open elsewhere may stay open for up to 15 minutes.",
  ERASURE_FAILED: "Your conversations could not be erased just now, so your account was kept. Try again in a moment.",
};

/** The text for a code of accounts, else what `errorText` has. */
export function accountText(failure: Failure): string {
  return TEXT_BY_CODE[failure.code ?? ""] ?? errorText(failure);
}
