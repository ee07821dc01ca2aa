import type { Metadata } from "next";
import { headers } from "next/headers";

import { AccountView } from "@/features/account/account-view";
import { getAuth } from "@/server/auth";
import { getDoor } from "@/server/door";
import { requireUser } from "@/server/require-user";

export const metadata: Metadata = { title: "Account" };

type Query = Promise<{ error?: string | string[] }>;

export default async function AccountPage({ searchParams }: { searchParams: Query }) {
  const [user, door, { error }] = await Promise.all([requireUser(), getDoor(), searchParams]);
  const linked = await getAuth().api.listUserAccounts({ headers: await headers() });
  return (
    <main id="main" className="min-h-0 flex-1 overflow-y-auto">
      <div className="mx-auto grid w-full max-w-3xl gap-6 px-4 py-8 sm:px-6">
        <h1 className="text-2xl font-semibold tracking-tight">Account</h1>
        <AccountView
          user={user}
          door={door}
          linked={linked.map(({ id, providerId }) => ({ id, providerId }))}
          failed={typeof error === "string" ? error : null}
        />
      </div>
    </main>
  );
}
