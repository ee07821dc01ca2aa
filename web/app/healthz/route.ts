/** 200 once people can sign in and chat: the auth tables are migrated, and the keys sign. */
import { readinessResponse } from "@/server/readiness";

export const dynamic = "force-dynamic";

export function GET(): Promise<Response> {
  return readinessResponse();
}
