import type { Metadata } from "next";

import { AuthPanel } from "@/features/auth/auth-panel";
import { ResetForm } from "@/features/auth/reset-form";

export const metadata: Metadata = { title: "A new password", referrer: "no-referrer" };

export default function Page() {
  return (
    <AuthPanel title="Choose a new password" description="It ends every session, here and elsewhere.">
      <ResetForm />
    </AuthPanel>
  );
}
