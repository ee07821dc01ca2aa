/** The card on the pages outside of the dashboard: what it is for, and the form. */
type Props = Readonly<{
  title: string;
  description: string;
  /** Why the reader is here although they did not ask for it: their session expired, say. */
  notice?: string | null;
  children: React.ReactNode;
}>;

export function AuthPanel({ title, description, notice = null, children }: Props) {
  return (
    <section
      aria-labelledby="auth-title"
      className="bg-card w-full max-w-md rounded-2xl border p-6 shadow-xl shadow-black/5 sm:p-8 dark:shadow-black/40"
    >
      <h2 id="auth-title" className="text-xl font-semibold tracking-tight">
        {title}
      </h2>
      <p className="text-muted-foreground mt-1.5 mb-6 text-sm">{description}</p>
      {notice !== null && (
        <p role="status" className="bg-secondary mb-6 rounded-lg px-4 py-3 text-sm">
          {notice}
        </p>
      )}
      {children}
    </section>
  );
}
