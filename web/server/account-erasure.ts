/** Erases what the services keep of a user, before the account itself is deleted. */
import { APIError } from "better-auth/api";

import type { components } from "@/generated/conversation-api.gen";

import type { Settings } from "./settings";

const ERASE_TIMEOUT_MILLISECONDS = 10_000;

/** What was erased: how many rows of each kind. It names nobody, and the store keeps it under its id. */
export type ErasureReceipt = components["schemas"]["Receipt"];

/** Raises `APIError` 503 when the store did not confirm: Better Auth then keeps the account. */
export async function eraseUser(settings: Settings, userId: string, token: string): Promise<ErasureReceipt> {
  const url = `${settings.authEdgeUrl}/api/${encodeURIComponent(userId)}`;
  const response = await fetch(url, {
    method: "DELETE",
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(ERASE_TIMEOUT_MILLISECONDS),
  }).catch(() => undefined);
  if (response?.ok) return (await response.json()) as ErasureReceipt;
  await response?.body?.cancel();
  throw new APIError("SERVICE_UNAVAILABLE", {
    code: "ERASURE_FAILED",
    message: "Your conversations could not be erased, so the account was kept. Try again.",
  });
}
