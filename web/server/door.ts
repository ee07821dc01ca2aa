/** How one gets in here, for the pages. Read when a page is asked for, never at build. */
import "server-only";

import { connection } from "next/server";

import type { Door } from "@/lib/door";

import { getSettings } from "./settings";

export async function getDoor(): Promise<Door> {
  await connection();
  const { signUp, requiresConfirmedEmail, mail, oidcProviders } = getSettings();
  const providers = oidcProviders.map(({ id, name }) => ({ id, name }));
  return { signUp, requiresConfirmedEmail, sendsMail: mail !== undefined, providers };
}
