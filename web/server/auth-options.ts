/** How Better Auth is configured; `server/auth.ts` holds the one instance of a process. */
import { betterAuth } from "better-auth";
import { createAuthMiddleware, isAPIError } from "better-auth/api";
import { jwt } from "better-auth/plugins";

import { eraseUser } from "./account-erasure";
import { checkProfile, countGuess, forgetGuesses } from "./accounts";
import { betterAuthDatabase } from "./database";
import { CLIENT_ADDRESS_HEADER } from "./incoming-requests";
import type { Settings } from "./settings";
import { versionedSecrets } from "./signing-keys";
import { dropToken } from "./token-cache";
import { revokeTokens } from "./token-revocation";

export const PASSWORD_CHARACTERS_MIN = 8;
const JWT_LIFETIME = "15m";

/** After these, no token holds that was made before: the sessions that go with them are ended by Better Auth. */
const REVOKING_PATHS = ["/change-password", "/revoke-sessions", "/revoke-other-sessions"];

export function createAuth(settings: Settings) {
  const database = betterAuthDatabase(settings);
  const auth = betterAuth({
    appName: "Natter",
    baseURL: settings.publicOrigin,
    secret: settings.authSecret,
    secrets: versionedSecrets(settings),
    database,
    trustedOrigins: trustedOrigins(settings.publicOrigin),
    telemetry: { enabled: false },
    emailAndPassword: { enabled: true, autoSignIn: true, minPasswordLength: PASSWORD_CHARACTERS_MIN },
    user: {
      deleteUser: {
        enabled: true,
        // Erase first: an account must not disappear while its conversations stay behind without an owner.
        beforeDelete: async (user) => eraseUser(settings, user.id, await signToken(user.id)),
      },
    },
    databaseHooks: {
      session: { delete: { after: async (session) => dropToken(session.token) } },
      user: {
        create: { before: async (user) => checkProfile(user) },
        update: { before: async (user) => checkProfile(user) },
      },
    },
    hooks: { before: createAuthMiddleware(beforeSignIn), after: createAuthMiddleware(afterwards) },
    // Counted in Postgres, so that the limit holds for every replica together. Better Auth counts on until nothing came
    // for the length of the window: where many sign up from one address, a short one keeps nobody waiting for long.
    rateLimit: {
      enabled: true,
      storage: "database",
      window: 60,
      max: 300,
      customRules: {
        "/sign-in/email": { window: 60, max: 30 },
        "/sign-up/email": { window: 10, max: 60 },
        "/change-password": { window: 60, max: 10 },
        "/delete-user": { window: 60, max: 10 },
      },
    },
    // The tables are brought up to date at every start (migrate.ts); until then /healthz says so.
    advanced: {
      database: { validateSchema: false },
      ipAddress: { ipAddressHeaders: [CLIENT_ADDRESS_HEADER] },
    },
    // The JWT is for the services. The browser has its session cookie and never sees a token.
    disabledPaths: ["/token"],
    plugins: [
      jwt({
        disableSettingJwtHeader: true,
        jwks: { keyPairConfig: { alg: "EdDSA", crv: "Ed25519" } },
        jwt: {
          issuer: settings.jwtIssuer,
          audience: settings.jwtAudience,
          expirationTime: JWT_LIFETIME,
          definePayload: ({ user }) => ({ name: user.name }),
        },
      }),
    ],
  });

  async function beforeSignIn({ path, body }: Hooked): Promise<void> {
    if (path === "/sign-in/email" && typeof body?.email === "string") await countGuess(database.db, body.email);
  }

  async function afterwards({ path, body, context }: Hooked): Promise<void> {
    if (isAPIError(context.returned)) return;
    if (path === "/sign-in/email") await forgetGuesses(database.db, String(body?.email));
    const userId = context.session?.user.id;
    if (REVOKING_PATHS.includes(path) && userId) await revokeTokens(settings, userId, await signToken(userId));
  }

  async function signToken(userId: string): Promise<string> {
    const iat = Math.floor(Date.now() / 1000);
    const { token } = await auth.api.signJWT({ body: { payload: { sub: userId, iat } } });
    return token;
  }

  return auth;
}

/** Of what Better Auth gives a hook, what ours read. */
type Hooked = {
  path: string;
  body?: { email?: unknown };
  context: { returned?: unknown; session: { user: { id: string } } | null };
};

export type Auth = ReturnType<typeof createAuth>;

/** On a developer's machine the app is opened as `localhost` and as `127.0.0.1`: both are trusted. */
export function trustedOrigins(publicOrigin: string): string[] {
  const { protocol, hostname, port } = new URL(publicOrigin);
  const loopback = ["localhost", "127.0.0.1"];
  if (!loopback.includes(hostname)) return [publicOrigin];
  return loopback.map((host) => `${protocol}//${host}${port === "" ? "" : `:${port}`}`);
}
