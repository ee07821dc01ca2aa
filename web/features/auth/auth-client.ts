/** Better Auth in the browser: only what the pages use. The chat page does without it (leaving.ts): 12 KiB of script. */
import { passkeyClient } from "@better-auth/passkey/client";
import { createAuthClient } from "better-auth/react";

export const authClient = createAuthClient({ plugins: [passkeyClient()] });
