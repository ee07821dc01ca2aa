/** What the pages outside of the dashboard have to know of how the server is set. */
export type Door = Readonly<{
  signUp: "open" | "invited";
  requiresConfirmedEmail: boolean;
  sendsMail: boolean;
  providers: readonly Readonly<{ id: string; name: string }>[];
}>;
