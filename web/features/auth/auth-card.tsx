import { AuthPanel } from "./auth-panel";
import { CredentialsForm } from "./credentials-form";
import { OtherWays } from "./other-ways";
import type { Door } from "@/lib/door";

const WORDS = {
  sign_in: { title: "Welcome back", description: "Your conversations are where you left them." },
  sign_up: { title: "Start in a few seconds", description: "An e-mail address and a password is all it takes." },
} as const;

const INVITED = "Accounts are made by invitation here. Open the link of yours, or ask whoever runs this Natter for one.";

type Props = Readonly<{ mode: keyof typeof WORDS; door: Door; pageAfter: string; notice?: string | null }>;

export function AuthCard({ mode, door, pageAfter, notice = null }: Props) {
  const { title, description } = WORDS[mode];
  const isInvited = mode === "sign_up" && door.signUp === "invited";
  return (
    <AuthPanel title={title} description={isInvited ? INVITED : description} notice={notice}>
      <CredentialsForm mode={mode} door={door} pageAfter={pageAfter} />
      <OtherWays providers={door.providers} takesPasskeys={mode === "sign_in"} pageAfter={pageAfter} />
    </AuthPanel>
  );
}
