/** 200 once people can sign in and chat: the auth tables are migrated, and there are keys that can sign. */
import { readinessResponse } from "@/server/readiness";

export const dynamic = "force-dynamic";

export function GET(): Promise<Response> {
  return readinessResponse();
}
