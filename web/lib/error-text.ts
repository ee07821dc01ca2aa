/** What people read when something fails: one text per stable error code. */
import type { Code } from "@/generated/contracts.gen";

const AGAIN = "Natter is not answering right now. Try again in a moment.";

const NOT_COMPLETED = "That provider did not complete the sign-in. Try again, or tell whoever runs this Natter.";

const NO_PASSKEY = "No passkey was made or used. Try again, or go another way.";
const NEEDS_A_NAME = "Passkeys need the name of the site. Open Natter by it: on its own machine as localhost, not by numbers.";
const UNVERIFIED = "The device has to ask for its PIN, your finger or your face. Set that up on it, or use another one.";

/** Codes of this origin (server/problem.ts): `unavailable` means that a service does not answer at all. */
export type OriginCode = "cross_origin" | "unavailable";

/** The services' codes, from contracts/: a new code is a compile error here until it has a text. */
export const SERVICE_TEXT: Record<Code, string> = {
  unauthenticated: "You are signed out. Sign in again to go on.",
  token_revoked: "You were signed out everywhere. Sign in again to go on.",
  proof_refused: AGAIN,
  forbidden: "This belongs to someone else.",
  operator_only: "This is for those who operate Natter.",
  not_found: "This does not exist any more.",
  item_gone: "What this belongs to is not there any more.",
  method_not_allowed: "Natter cannot do that here.",
  invalid_request: "Natter cannot accept that. Change it and try again.",
  not_supported: "Natter cannot do that yet.",
  payload_too_large: "That is too large to send.",
  conversation_busy: "An answer is still being written here. Try again when it is done.",
  conversation_locked: "This conversation is closed for new messages.",
  idempotency_key_reused: "This was sent before with other words. Send it again.",
  rate_limited: "That was a lot at once. Wait a moment, then try again.",
  usage_exceeded: "You have used as much as you may for now. Please come back later.",
  quota_exceeded: "You have stored as much as you may here. Delete what you need no more, then try again.",
  too_many_runs: "Several answers are being written already. Wait for one of them.",
  too_many_streams: "Natter is open in too many tabs. Close one of them.",
  assistant_unknown: "There is no such assistant here. Choose another one.",
  assistant_not_served: "This assistant is not offered any more. Start a new conversation.",
  webhook_failed: "The receiver could not be told.",
  action_unfinished: "This takes longer than expected. It goes on, and shows here when it is done.",
  attachment_unfinished: "A file is still being uploaded. Wait until it is there, then send again.",
  attachment_not_readable: "The assistant cannot look at a file of this type. Choose another model, or another file.",
  attachment_in_use: "This file belongs to another conversation. Upload it here once more.",
  attachment_type_not_allowed: "Files of this kind are not taken here. Choose another one.",
  attachment_unreadable: "This picture could not be read, or is too large. Choose another one.",
  attachment_refused: "This file did not pass the check for harmful content. Choose another one.",
  run_stale_epoch: "This answer was taken over elsewhere.",
  run_leased: "This answer is being written elsewhere.",
  run_waiting: "This answer waits for you.",
  decision_taken: "This was decided already.",
  run_finished: "This answer is finished already.",
  run_attempts_exhausted: "The answer failed several times. Send your message again.",
  run_turns_exceeded: "The answer took too many steps and was stopped.",
  run_tokens_exceeded: "The answer grew too long and was stopped.",
  run_time_exceeded: "The answer took too long and was stopped.",
  model_unavailable: "The model is not answering right now. Try again in a moment.",
  model_rate_limited: "The model is busy. Try again in a moment.",
  model_timeout: "The model took too long. Try again.",
  model_refused_key: "The model does not accept this server's key. Tell whoever runs it.",
  model_not_allowed: "This model may not be used here.",
  model_context_exceeded: "This conversation is too long for the model. Start a new one.",
  model_rejected_request: "The model did not accept this message. Change it and try again.",
  model_bad_response: "The model gave an answer that cannot be read. Try again.",
  model_content_filtered: "The model's content filter stopped this answer. Ask in other words.",
  model_answer_cut_off: "The answer was cut off at its greatest length. Write “continue” for the rest.",
  tool_failed: "A tool failed. Try again.",
  assistant_failed: "The assistant made a mistake. Try again.",
  guardrail_tripped: "The assistant's rules stopped this answer. Ask in other words.",
  overloaded: AGAIN,
  identity_unavailable: AGAIN,
  client_disconnected: "The connection was lost before this was sent. Try again.",
  store_unavailable: AGAIN,
  file_store_unavailable: AGAIN,
  scanner_unavailable: AGAIN,
  bus_unavailable: AGAIN,
  deadline_exceeded: AGAIN,
  unknown_message: "This page is older than the server. Load it again.",
  internal: "Something went wrong. Try again.",
};

const ORIGIN_TEXT: Record<OriginCode, string> = {
  cross_origin: "This request did not come from Natter's own pages.",
  unavailable: AGAIN,
};

const TEXT_BY_CODE: Record<string, string> = {
  ...SERVICE_TEXT,
  ...ORIGIN_TEXT,
  // Signing in (Better Auth)
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
  // The browser
  offline: "You are offline. Try again once you are connected.",
};

const TEXT_BY_STATUS: Record<number, string> = {
  401: "You are signed out. Sign in again to go on.",
  403: "This belongs to someone else.",
  404: "This does not exist any more.",
  409: "Something else is still going on here. Try again when it is done.",
  413: "That is too large to send.",
  422: "Natter cannot accept that. Change it and try again.",
  429: "That was a lot at once. Wait a moment, then try again.",
  503: "Natter is not answering right now. Try again in a moment.",
};

const FALLBACK = "Something went wrong. Try again.";

/** The text for a code where we have one, else for the HTTP status, else a general one. */
export function errorText(failure: { code?: string | undefined; status?: number | undefined }): string {
  const byCode = failure.code === undefined ? undefined : TEXT_BY_CODE[failure.code];
  const byStatus = failure.status === undefined ? undefined : TEXT_BY_STATUS[failure.status];
  return byCode ?? byStatus ?? FALLBACK;
}
