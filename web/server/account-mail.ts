/** When Better Auth sends an e-mail, and which. Nobody waits for one: how long an answer takes must not tell whether one goes out. */
import type { BetterAuthOptions } from "better-auth";
import { APIError } from "better-auth/api";
import type { Kysely } from "kysely";

import { mayBeMailed } from "./accounts";
import { Mailer, mails, type Mail } from "./mail";
import type { Settings } from "./settings";

export const RESET_SECONDS_MAX = 60 * 60;

/** What is asked for here is an e-mail. */
export const MAIL_PATHS: readonly string[] = ["/request-password-reset", "/send-verification-email", "/change-email"];

type MailOptions = Readonly<{
  /** Raises `APIError` 503 where the mail server does not answer: the same for every address, before anything is done. */
  requireServer: () => Promise<void>;
  password: Pick<NonNullable<BetterAuthOptions["emailAndPassword"]>, "sendResetPassword" | "onExistingUserSignUp">;
  verification: NonNullable<BetterAuthOptions["emailVerification"]>;
  change: NonNullable<NonNullable<BetterAuthOptions["user"]>["changeEmail"]>;
}>;

/** Without a mail server nothing is sent: Better Auth then refuses what needs it, the same for every address. */
export function mailOptions(settings: Settings, db: Kysely<unknown>): MailOptions {
  if (settings.mail === undefined) return { requireServer: nothing, password: {}, verification: {}, change: { enabled: false } };
  const mailer = new Mailer(settings.mail);
  const origin = settings.publicOrigin;

  async function deliver(address: string, mail: Mail): Promise<void> {
    try {
      if (await mayBeMailed(db, address)) await mailer.send(address, mail);
      else console.warn(JSON.stringify({ event: "mail.held_back" }));
    } catch (error) {
      console.error(JSON.stringify({ event: "mail.lost", why: error instanceof Error ? error.name : "error" }));
    }
  }

  return {
    requireServer: async () => {
      if (await mailer.isReachable()) return;
      console.warn(JSON.stringify({ event: "mail.server_unavailable" }));
      throw new APIError("SERVICE_UNAVAILABLE", { code: "MAIL_UNAVAILABLE", message: "E-mails cannot be sent right now." });
    },
    password: {
      sendResetPassword: async ({ user, token }) => void deliver(user.email, mails.resetPassword(origin, token)),
      onExistingUserSignUp: async ({ user }) => void deliver(user.email, mails.alreadyThere(origin)),
    },
    verification: {
      sendOnSignUp: true,
      sendOnSignIn: settings.requiresConfirmedEmail,
      sendVerificationEmail: async ({ user, token }) => void deliver(user.email, mails.confirmAddress(origin, token)),
    },
    change: {
      enabled: true,
      sendChangeEmailConfirmation: async ({ user, newEmail, token }) =>
        void deliver(user.email, mails.confirmChange(origin, token, newEmail)),
    },
  };
}

async function nothing(): Promise<void> {}
