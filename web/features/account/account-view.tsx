"use client";

import { Download } from "lucide-react";

import { Button } from "@/components/ui/button";
import { Card, CardContent, CardDescription, CardHeader, CardTitle } from "@/components/ui/card";

import { DeleteAccount } from "./delete-account";
import { EmailForm } from "./email-form";
import { PasswordForm } from "./password-form";
import { ProfileForm } from "./profile-form";
import { Sessions } from "./sessions";
import { SignOutEverywhere } from "./sign-out-everywhere";

type User = Readonly<{ userId: string; name: string; email: string; isEmailConfirmed: boolean }>;

export function AccountView({ user, sendsMail }: { user: User; sendsMail: boolean }) {
  return (
    <>
      <Section title="Profile" text="What assistants call you.">
        <ProfileForm name={user.name} />
      </Section>
      {sendsMail && (
        <Section title="E-mail address" text="With it you sign in, and get back in when you have forgotten your password.">
          <EmailForm email={user.email} isConfirmed={user.isEmailConfirmed} />
        </Section>
      )}
      <Section title="Password" text={`You sign in as ${user.email}.`}>
        <PasswordForm />
      </Section>
      <Section title="Sessions" text="Where you are signed in.">
        <Sessions />
        <SignOutEverywhere />
      </Section>
      <Section title="Your data" text="Everything Natter keeps about you, in one JSON file.">
        <Button asChild variant="outline">
          <a href={`/api/${encodeURIComponent(user.userId)}/export`} download="natter-export.json">
            <Download /> Export
          </a>
        </Button>
      </Section>
      <Section
        title="Delete account"
        text="Erases your conversations, your tasks and your account. There is no way back."
      >
        <DeleteAccount />
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
