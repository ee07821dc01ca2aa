/** Passkeys: a key in somebody's device or password manager signs them in. Better Auth's plugin, and what it leaves to us. */
import { passkey } from "@better-auth/passkey";
import type { BetterAuthPlugin } from "better-auth";
import { APIError, createAuthMiddleware, getSessionFromCtx } from "better-auth/api";

import { isName, NAME_CHARACTERS_MAX, requireFresh } from "./accounts";
import type { Settings } from "./settings";

export const PASSKEYS_MAX = 20;
export const PASSKEY_ADDED_PATH = "/passkey/verify-registration";
export const PASSKEY_DELETED_PATH = "/passkey/delete-passkey";
export const PASSKEY_SIGN_IN_PATH = "/passkey/verify-authentication";
const BEGIN_ADDING_PATH = "/passkey/generate-register-options";
const RENAME_PATH = "/passkey/update-passkey";

/**
 * A passkey is the only thing that is asked for, so whoever has the device must also have proved to it who they are (a
 * PIN, a finger): the device says so, and it is checked.
 */
export function passkeys(settings: Settings): readonly [ReturnType<typeof passkey>, typeof rules] {
  const { hostname, origin } = namedOrigin(settings.publicOrigin);
  const plugin = passkey({
    rpName: "Natter",
    rpID: hostname,
    origin,
    authenticatorSelection: { residentKey: "required", userVerification: "required" },
    registration: {
      afterVerification: async ({ verification }) => requireVerified(verification.registrationInfo?.userVerified),
    },
    authentication: {
      afterVerification: async ({ verification }) => requireVerified(verification.authenticationInfo.userVerified),
    },
  });
  return [plugin, rules];
}

/** WebAuthn knows no addresses of numbers. On a developer's machine the app is opened by its name for this. */
function namedOrigin(publicOrigin: string): URL {
  const url = new URL(publicOrigin);
  if (url.hostname === "127.0.0.1") url.hostname = "localhost";
  return url;
}

function requireVerified(isVerified: boolean | undefined): void {
  if (isVerified) return;
  throw new APIError("FORBIDDEN", { code: "PASSKEY_NOT_VERIFIED", message: "The device did not ask who you are." });
}

const rules = {
  id: "passkey-rules",
  hooks: {
    before: [
      {
        matcher: ({ path }) => path === PASSKEY_ADDED_PATH || path === RENAME_PATH,
        handler: createAuthMiddleware(async ({ body }) => {
          const { name } = (body ?? {}) as { name?: unknown };
          if (isName(name)) return;
          const message = `A name has at most ${NAME_CHARACTERS_MAX} characters, in one line.`;
          throw new APIError("BAD_REQUEST", { code: "INVALID_NAME", message });
        }),
      },
      {
        matcher: ({ path }) => path === BEGIN_ADDING_PATH,
        handler: createAuthMiddleware(async (ctx) => {
          const session = await getSessionFromCtx(ctx);
          if (session === null) return;
          const where = [{ field: "userId", value: session.user.id }];
          if ((await ctx.context.adapter.count({ model: "passkey", where })) < PASSKEYS_MAX) return;
          throw new APIError("CONFLICT", { code: "TOO_MANY_PASSKEYS", message: `There are ${PASSKEYS_MAX} already.` });
        }),
      },
      { matcher: ({ path }) => path === PASSKEY_DELETED_PATH, handler: createAuthMiddleware(requireFresh) },
    ],
  },
} satisfies BetterAuthPlugin;
