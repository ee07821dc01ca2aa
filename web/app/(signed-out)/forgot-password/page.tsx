import type { Metadata } from "next";

import { AuthPanel } from "@/features/auth/auth-panel";
import { BackToSignIn, ForgotForm } from "@/features/auth/forgot-form";
import { getDoor } from "@/server/door";

export const metadata: Metadata = { title: "Forgotten password", referrer: "no-referrer" };

const COMMAND = "natter users reset-password";

export default async function Page() {
  const { sendsMail } = await getDoor();
  if (sendsMail) {
    return (
      <AuthPanel title="Forgotten your password?" description="We send a link to your address, with which you choose a new one.">
        <ForgotForm />
      </AuthPanel>
    );
  }
  return (
    <AuthPanel title="Forgotten your password?" description="This Natter sends no e-mails.">
      <div className="grid gap-4 text-sm">
        <p>
          Ask whoever runs it: the command <code>{COMMAND}</code> gives them a link for you, with which you choose a new
          password.
        </p>
        <BackToSignIn />
      </div>
    </AuthPanel>
  );
}
