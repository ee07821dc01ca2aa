/** 200 once people can sign in: the auth tables are migrated. */
import { readinessResponse } from "@/server/readiness";

export const dynamic = "force-dynamic";

export function GET(): Response {
  return readinessResponse();
}
