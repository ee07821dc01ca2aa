/** Better Auth: accounts, sessions and the short-lived JWTs that the services accept. */
import "server-only";

import { createAuth, type Auth } from "./auth-options";
import { getSettings } from "./settings";

// proxy.ts and the routes are separate bundles in one process: the global object is what they share.
const shared = globalThis as typeof globalThis & { natterAuth?: Auth };

export function getAuth(): Auth {
  shared.natterAuth ??= createAuth(getSettings());
  return shared.natterAuth;
}
