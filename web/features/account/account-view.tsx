"use client";

import { Download } from "lucide-react";

import { Button } from "@/components/ui/button";
import { Card, CardContent, CardDescription, CardHeader, CardTitle } from "@/components/ui/card";

import type { Door } from "@/lib/door";

import { DeleteAccount } from "./delete-account";
import { EmailForm } from "./email-form";
import { LinkedAccounts, type Linked } from "./linked-accounts";
import { Passkeys } from "./passkeys";
import { PasswordForm } from "./password-form";
import { ProfileForm } from "./profile-form";
import { Sessions } from "./sessions";
import { SignOutEverywhere } from "./sign-out-everywhere";

type User = Readonly<{ userId: string; name: string; email: string; isEmailConfirmed: boolean }>;

type Props = Readonly<{
  user: User;
  door: Door;
  /** How this account can be signed in to: `credential` is a password, the others are providers. */
  linked: readonly Linked[];
  failed: string | null;
}>;

export function AccountView({ user, door, linked, failed }: Props) {
  const hasPassword = linked.some(({ providerId }) => providerId === "credential");
  return (
    <>
      <Section title="Profile" text="What assistants call you.">
        <ProfileForm name={user.name} />
      </Section>
      {door.sendsMail && (
        <Section title="E-mail address" text="With it you sign in, and get back in when you have forgotten your password.">
          <EmailForm email={user.email} isConfirmed={user.isEmailConfirmed} />
        </Section>
      )}
      <Section title="Password" text={`You sign in as ${user.email}.`}>
        {hasPassword ? <PasswordForm /> : <p className="text-sm">You have none. With “Forgot your password?” on the sign-in page you get one.</p>}
      </Section>
      <Section title="Passkeys" text="Your device signs you in by your finger, your face or its PIN, and no password is asked for.">
        <Passkeys />
      </Section>
      {door.providers.length > 0 && (
        <Section title="Ways to sign in" text="Accounts elsewhere with which you sign in here.">
          <LinkedAccounts providers={door.providers} linked={linked} failed={failed} />
        </Section>
      )}
      <Section title="Sessions" text="Where you are signed in.">
        <Sessions />
        <SignOutEverywhere />
      </Section>
      <Section title="Your data" text="Everything Natter keeps about you, and your files, in one ZIP file.">
        <Button asChild variant="outline">
          <a href={`/api/${encodeURIComponent(user.userId)}/export?format=zip`} download="natter-export.zip">
            <Download /> Export
          </a>
        </Button>
      </Section>
      <Section
        title="Delete account"
        text="Erases your conversations, your tasks and your account. There is no way back."
      >
        <DeleteAccount hasPassword={hasPassword} />
      </Section>
    </>
  );
}

function Section({ title, text, children }: { title: string; text: string; children: React.ReactNode }) {
  return (
    <Card>
      <CardHeader>
        <CardTitle role="heading" aria-level={2}>
          {title}
        </CardTitle>
        <CardDescription>{text}</CardDescription>
      </CardHeader>
      <CardContent className="grid gap-4">{children}</CardContent>
    </Card>
  );
}
