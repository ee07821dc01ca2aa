import type { Metadata } from "next";

import { AuthPanel } from "@/features/auth/auth-panel";
import { ConfirmEmail } from "@/features/auth/confirm-email";

export const metadata: Metadata = { title: "Confirm your address", referrer: "no-referrer" };

export default function Page() {
  return (
    <AuthPanel title="Confirm your address" description="So that we know that this mailbox is yours.">
      <ConfirmEmail />
    </AuthPanel>
  );
}
