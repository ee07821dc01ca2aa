import type { Metadata } from "next";

import { AccountView } from "@/features/account/account-view";
import { getDoor } from "@/server/door";
import { requireUser } from "@/server/require-user";

export const metadata: Metadata = { title: "Account" };

export default async function AccountPage() {
  const [user, { sendsMail }] = await Promise.all([requireUser(), getDoor()]);
  return (
    <main id="main" className="min-h-0 flex-1 overflow-y-auto">
      <div className="mx-auto grid w-full max-w-3xl gap-6 px-4 py-8 sm:px-6">
        <h1 className="text-2xl font-semibold tracking-tight">Account</h1>
        <AccountView user={user} sendsMail={sendsMail} />
      </div>
    </main>
  );
}
