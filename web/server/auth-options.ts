/** How Better Auth is configured; `server/auth.ts` holds the one instance of a process. */
import { betterAuth } from "better-auth";
import { APIError, createAuthMiddleware, getSessionFromCtx, isAPIError } from "better-auth/api";
import { jwt } from "better-auth/plugins";

import { eraseUser, type ErasureReceipt } from "./account-erasure";
import { MAIL_PATHS, mailOptions, RESET_SECONDS_MAX } from "./account-mail";
import { checkProfile, countGuess, forgetGuesses, SIGN_IN_PATH, SIGN_UP_PATH } from "./accounts";
import { failedSignIn, noteAudit, type Noted } from "./audit";
import { betterAuthDatabase } from "./database";
import { CLIENT_ADDRESS_HEADER } from "./incoming-requests";
import { checkInvitation, forgetInvitation, type Verifications } from "./invitations";
import {
  CALLBACK_PATHS,
  LINK_PATH,
  linking,
  oidc,
  PROVIDER_TOKEN_PATHS,
  SIGN_IN_ELSEWHERE_PATH,
  UNLINK_PATH,
  withoutTokens,
} from "./oidc";
import { END_SESSION_PATH, ownSessions } from "./own-sessions";
import { PASSKEY_ADDED_PATH, PASSKEY_DELETED_PATH, PASSKEY_SIGN_IN_PATH, passkeys } from "./passkeys";
import type { Settings } from "./settings";
import { versionedSecrets } from "./signing-keys";
import { dropToken } from "./token-cache";
import { revokeTokens } from "./token-revocation";

export const PASSWORD_CHARACTERS_MIN = 8;
export const OPERATOR_ROLE = "operator";
const JWT_LIFETIME = "15m";
const DELETE_USER_PATH = "/delete-user";
const VERIFY_EMAIL_PATH = "/verify-email";

/** After these, no token holds that was made before: the sessions that go with them are ended by Better Auth. */
const REVOKING_PATHS: Readonly<Record<string, Noted["action"] | null>> = {
  "/change-password": "password_changed",
  [END_SESSION_PATH]: null, // noted where the session is deleted
  "/revoke-sessions": "sign_out_everywhere",
  "/revoke-other-sessions": "sign_out_everywhere",
};

const WAYS_IN_CHANGED: Readonly<Record<string, Noted["action"]>> = {
  [UNLINK_PATH]: "account_unlinked",
  [PASSKEY_ADDED_PATH]: "passkey_added",
  [PASSKEY_DELETED_PATH]: "passkey_deleted",
};

export function createAuth(settings: Settings) {
  const database = betterAuthDatabase(settings);
  const receipts = new Map<string, ErasureReceipt>();
  const mail = mailOptions(settings, database.db);
  const auth = betterAuth({
    appName: "Natter",
    baseURL: settings.publicOrigin,
    secret: settings.authSecret,
    secrets: versionedSecrets(settings),
    database,
    trustedOrigins: trustedOrigins(settings.publicOrigin),
    telemetry: { enabled: false },
    // Nobody is signed in by signing up: so a taken address is answered as a new one is, and nothing is made for it.
    emailAndPassword: {
      enabled: true,
      autoSignIn: false,
      minPasswordLength: PASSWORD_CHARACTERS_MIN,
      requireEmailVerification: settings.requiresConfirmedEmail,
      resetPasswordTokenExpiresIn: RESET_SECONDS_MAX,
      onPasswordReset: async ({ user }) => afterReset(user),
      ...mail.password,
    },
    emailVerification: {
      ...mail.verification,
      afterEmailVerification: async (user, request) =>
        note({ action: isChange(tokenOf(request)) ? "email_changed" : "email_confirmed", user_id: user.id }),
    },
    onAPIError: { errorURL: `${settings.publicOrigin}/sign-in` },
    account: linking(settings),
    user: {
      // `natter users make-operator` sets it. Better Auth's admin plugin would let operators sign in as others, and so read.
      additionalFields: { role: { type: "string", required: false, input: false } },
      changeEmail: mail.change,
      deleteUser: {
        enabled: true,
        // Erase first: an account must not disappear while its conversations stay behind without an owner.
        beforeDelete: async (user) => {
          receipts.set(user.id, await eraseUser(settings, user.id, await signToken(user.id)));
        },
        afterDelete: async (user) => note({ action: "account_deleted", user_id: user.id }),
      },
    },
    databaseHooks: {
      account: {
        update: { before: withoutTokens },
        create: {
          before: withoutTokens,
          after: async ({ providerId, userId }) => {
            if (providerId !== "credential") note({ action: "account_linked", user_id: userId });
          },
        },
      },
      session: {
        delete: {
          after: async (session, request) => {
            dropToken(session.token);
            note({ action: request?.path === "/sign-out" ? "sign_out" : "session_ended", user_id: session.userId });
          },
        },
      },
      user: {
        create: {
          before: async (user) => checkProfile(user),
          after: async (user) => note({ action: "sign_up", user_id: user.id }),
        },
        update: { before: async (user) => checkProfile(user) },
      },
    },
    hooks: { before: createAuthMiddleware(before), after: createAuthMiddleware(afterwards) },
    // Counted in Postgres, so that the limit holds for every replica together. Better Auth counts on until nothing came
    // for the length of the window: where many sign up from one address, a short one keeps nobody waiting for long.
    rateLimit: {
      enabled: true,
      storage: "database",
      window: 60,
      max: 300,
      customRules: {
        [SIGN_IN_PATH]: { window: 60, max: 30 },
        [SIGN_UP_PATH]: { window: 10, max: 60 },
        "/change-password": { window: 60, max: 10 },
        [DELETE_USER_PATH]: { window: 60, max: 10 },
        [END_SESSION_PATH]: { window: 60, max: 30 },
        "/request-password-reset": { window: 60, max: 10 },
        "/reset-password": { window: 60, max: 20 },
        "/send-verification-email": { window: 60, max: 5 },
        [VERIFY_EMAIL_PATH]: { window: 60, max: 20 },
        [SIGN_IN_ELSEWHERE_PATH]: { window: 60, max: 30 },
        [LINK_PATH]: { window: 60, max: 10 },
        [UNLINK_PATH]: { window: 60, max: 10 },
        [PASSKEY_SIGN_IN_PATH]: { window: 60, max: 30 },
        [PASSKEY_ADDED_PATH]: { window: 60, max: 10 },
        "/change-email": { window: 60, max: 5 },
      },
    },
    // The tables are brought up to date at every start (migrate.ts); until then /healthz says so.
    advanced: {
      database: { validateSchema: false },
      ipAddress: { ipAddressHeaders: [CLIENT_ADDRESS_HEADER] },
    },
    // The JWT is for the services. The browser has its session cookie and never sees a token.
    disabledPaths: ["/token", ...PROVIDER_TOKEN_PATHS],
    plugins: [
      ownSessions,
      oidc(settings),
      ...passkeys(settings),
      jwt({
        disableSettingJwtHeader: true,
        jwks: { keyPairConfig: { alg: "EdDSA", crv: "Ed25519" } },
        jwt: {
          issuer: settings.jwtIssuer,
          audience: settings.jwtAudience,
          expirationTime: JWT_LIFETIME,
          definePayload: ({ user }) => claimsOf(user),
        },
      }),
    ],
  });

  async function before(ctx: Hooked & Parameters<typeof getSessionFromCtx>[0]): Promise<void> {
    const { path, body, query, context } = ctx;
    if (path === SIGN_IN_PATH && typeof body?.email === "string") await countGuess(database.db, body.email);
    if (path === SIGN_UP_PATH && body !== undefined) {
      if (settings.signUp === "invited") await checkInvitation(context.internalAdapter, body);
      // Here as well: Better Auth would ask only for a new address, and so tell which one is.
      checkProfile(body);
      if (settings.requiresConfirmedEmail) await mail.requireServer();
    }
    if (MAIL_PATHS.includes(path)) await mail.requireServer();
    // Whoever reads the mailbox of the new address must also be who asked: the link alone signs nobody in.
    if (path === VERIFY_EMAIL_PATH && isChange(query?.token) && (await getSessionFromCtx(ctx)) === null) {
      throw new APIError("UNAUTHORIZED", { code: "SIGN_IN_FIRST", message: "Sign in, then open the link again." });
    }
  }

  async function afterwards({ path, body, context, headers }: Hooked): Promise<unknown> {
    if (path === DELETE_USER_PATH) return withReceipt(context);
    const email = String(body?.email);
    // It ends with a redirect, which is an error to Better Auth.
    if (path.startsWith(CALLBACK_PATHS) && context.newSession) note({ action: "sign_in", user_id: context.newSession.user.id });
    if (isAPIError(context.returned)) {
      if (path === SIGN_IN_PATH) void noteFailure(email);
      // Else whoever has just made an account would learn, from this, whether there was one before.
      if (context.returned.body?.code === "EMAIL_NOT_VERIFIED") throw APIError.from("UNAUTHORIZED", WRONG_PASSWORD);
      return undefined;
    }
    if (path === SIGN_UP_PATH && settings.signUp === "invited") await forgetInvitation(context.internalAdapter, body ?? {});
    if (path === SIGN_IN_PATH) {
      await forgetGuesses(database.db, email, headers?.get(CLIENT_ADDRESS_HEADER) ?? null);
      note({ action: "sign_in", user_id: context.newSession?.user.id });
    }
    if (path === PASSKEY_SIGN_IN_PATH) note({ action: "sign_in", user_id: context.newSession?.user.id });
    const userId = context.session?.user.id;
    const changed = WAYS_IN_CHANGED[path];
    if (changed !== undefined) note({ action: changed, user_id: userId });
    const revoking = REVOKING_PATHS[path];
    if (revoking === undefined || !userId) return undefined;
    if (revoking !== null) note({ action: revoking, user_id: userId });
    await revokeTokens(settings, userId, await signToken(userId));
    return undefined;
  }

  /** Whoever knew the old password is out, wherever they were. */
  async function afterReset(user: { id: string; email: string }): Promise<void> {
    note({ action: "password_reset", user_id: user.id });
    const { internalAdapter } = await auth.$context;
    await internalAdapter.deleteUserSessions(user.id);
    await forgetGuesses(database.db, user.email, null);
    await revokeTokens(settings, user.id, await signToken(user.id));
  }

  /** The answer to who deletes their account says what was erased. */
  function withReceipt({ session, returned }: Hooked["context"]): unknown {
    const userId = session?.user.id ?? "";
    const receipt = receipts.get(userId);
    receipts.delete(userId);
    return isAPIError(returned) || receipt === undefined ? undefined : { success: true, receipt };
  }

  function note(noted: Noted): void {
    void noteAudit(settings, noted);
  }

  async function noteFailure(email: string): Promise<void> {
    try {
      note(await failedSignIn(database.db, email));
    } catch {
      note({ action: "sign_in_failed" });
    }
  }

  async function signToken(userId: string): Promise<string> {
    const iat = Math.floor(Date.now() / 1000);
    const { token } = await auth.api.signJWT({ body: { payload: { sub: userId, iat } } });
    return token;
  }

  return auth;
}

/** What services are told of a user: auth_edge believes the role for the token's sake, and nobody sets their own. */
export function claimsOf(user: { name: string; role?: unknown }) {
  return user.role === OPERATOR_ROLE ? { name: user.name, natter_role: OPERATOR_ROLE } : { name: user.name };
}

const WRONG_PASSWORD = { code: "INVALID_EMAIL_OR_PASSWORD", message: "Invalid email or password" };

/** Whether a link of an e-mail is about another address. Its token is verified by Better Auth; here it only says so. */
function isChange(token: unknown): boolean {
  const payload = typeof token === "string" ? (token.split(".")[1] ?? "") : "";
  return Buffer.from(payload, "base64url").toString("utf8").includes('"updateTo"');
}

function tokenOf(request: Request | undefined): string | null {
  return request === undefined ? null : new URL(request.url).searchParams.get("token");
}

type SignedIn = { user: { id: string } } | null;

/** Of what Better Auth gives a hook, what ours read. */
type Hooked = {
  path: string;
  body?: { email?: unknown; name?: unknown; image?: unknown; invitation?: unknown };
  query?: { token?: unknown };
  headers?: Headers | undefined;
  context: { returned?: unknown; session: SignedIn; newSession?: SignedIn; internalAdapter: Verifications };
};

export type Auth = ReturnType<typeof createAuth>;

/** On a developer's machine the app is opened as `localhost` and as `127.0.0.1`: both are trusted. */
export function trustedOrigins(publicOrigin: string): string[] {
  const { protocol, hostname, port } = new URL(publicOrigin);
  const loopback = ["localhost", "127.0.0.1"];
  if (!loopback.includes(hostname)) return [publicOrigin];
  return loopback.map((host) => `${protocol}//${host}${port === "" ? "" : `:${port}`}`);
}
