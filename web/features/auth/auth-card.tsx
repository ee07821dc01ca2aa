import { CredentialsForm } from "./credentials-form";

const WORDS = {
  sign_in: { title: "Welcome back", description: "Your conversations are where you left them." },
  sign_up: { title: "Start in a few seconds", description: "An e-mail address and a password is all it takes." },
} as const;

type Props = Readonly<{
  mode: keyof typeof WORDS;
  pageAfter: string;
  /** Why the reader is here although they did not ask for it: their session expired, say. */
  notice?: string | null;
}>;

export function AuthCard({ mode, pageAfter, notice = null }: Props) {
  const words = WORDS[mode];
  return (
    <section
      aria-labelledby="auth-title"
      className="bg-card w-full max-w-md rounded-2xl border p-6 shadow-xl shadow-black/5 sm:p-8 dark:shadow-black/40"
    >
      <h2 id="auth-title" className="text-xl font-semibold tracking-tight">
        {words.title}
      </h2>
      <p className="text-muted-foreground mt-1.5 mb-6 text-sm">{words.description}</p>
      {notice !== null && (
        <p role="status" className="bg-secondary mb-6 rounded-lg px-4 py-3 text-sm">
          {notice}
        </p>
      )}
      <CredentialsForm mode={mode} pageAfter={pageAfter} />
    </section>
  );
}
