/** Runs once when the server starts, before its first request. */

export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== "nodejs") return;
  const [{ watchIncomingRequests }, { migrateUntilDone }] = await Promise.all([
    import("./server/incoming-requests"),
    import("./server/readiness"),
  ]);
  watchIncomingRequests();
  // Not awaited: /healthz has to be able to say "not yet" while the database wakes up.
  void migrateUntilDone();
}
