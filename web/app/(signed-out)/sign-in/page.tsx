import type { Metadata } from "next";

import { AuthCard } from "@/features/auth/auth-card";
import { pageAfterSignIn } from "@/server/routing";

export const metadata: Metadata = { title: "Sign in" };

type Query = Promise<{ next?: string | string[] }>;

export default async function Page({ searchParams }: { searchParams: Query }) {
  const { next } = await searchParams;
  return <AuthCard mode="sign_in" pageAfter={pageAfterSignIn(typeof next === "string" ? next : null)} />;
}
