import type { Metadata } from "next";

import { AuthCard } from "@/features/auth/auth-card";
import { signedOutText } from "@/features/auth/signed-out";
import { accountText } from "@/lib/account-text";
import { getDoor } from "@/server/door";
import { pageAfterSignIn } from "@/server/routing";

export const metadata: Metadata = { title: "Sign in" };

type Query = Promise<{ next?: string | string[]; why?: string | string[]; error?: string | string[] }>;

export default async function Page({ searchParams }: { searchParams: Query }) {
  const { next, why, error } = await searchParams;
  const pageAfter = pageAfterSignIn(typeof next === "string" ? next : null);
  return <AuthCard mode="sign_in" door={await getDoor()} pageAfter={pageAfter} notice={typeof error === "string" ? accountText({ code: error }) : signedOutText(why)} />;
}
