import type { Metadata } from "next";

import { AuthCard } from "@/features/auth/auth-card";
import { getDoor } from "@/server/door";
import { pageAfterSignIn } from "@/server/routing";

export const metadata: Metadata = { title: "Create an account" };

type Query = Promise<{ next?: string | string[] }>;

export default async function Page({ searchParams }: { searchParams: Query }) {
  const { next } = await searchParams;
  return <AuthCard mode="sign_up" door={await getDoor()} pageAfter={pageAfterSignIn(typeof next === "string" ? next : null)} />;
}
