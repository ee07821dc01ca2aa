/** Runs once when the server starts, before its first request. */

export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== "nodejs") return;
  const [{ sayWhoseAddressCounts, watchIncomingRequests }, { migrateUntilDone }, { getSettings }, { stopOnSignal }, { startTracing }] = await Promise.all([
    import("./server/incoming-requests"),
    import("./server/readiness"),
    import("./server/settings"),
    import("./server/stopping"),
    import("./server/tracing"),
  ]);
  watchIncomingRequests();
  stopOnSignal();
  await startTracing();
  sayWhoseAddressCounts(getSettings().trustsForwardedFor, getSettings().publicOrigin);
  // Not awaited: /healthz has to be able to say "not yet" while the database wakes up.
  void migrateUntilDone();
}
