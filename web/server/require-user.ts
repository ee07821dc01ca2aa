/** The signed-in user of the page that is being rendered. */
import "server-only";

import { headers } from "next/headers";
import { notFound, redirect } from "next/navigation";
import { cache } from "react";

import { findUser, type SignedInUser } from "./session";

/** proxy.ts has sent strangers away before; asked again here, because a page must not rely on that alone. */
export const requireUser = cache(async (): Promise<SignedInUser> => {
  const user = await findUser(await headers());
  if (user === null) redirect("/sign-in");
  return user;
});

/** For everybody else there is no such page; what it shows, auth_edge gives to operators alone. */
export async function requireOperator(): Promise<void> {
  if (!(await requireUser()).isOperator) notFound();
}
