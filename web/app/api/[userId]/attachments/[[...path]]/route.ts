/** Files, in and out: they stream through, where proxy.ts would hold their bodies in memory, and cut them at 10 MB. */
import type { NextRequest } from "next/server";

import { answerFromService } from "@/server/answer-from-service";
import { forwardFile } from "@/server/forward";
import { getSettings } from "@/server/settings";

export const dynamic = "force-dynamic";

function answer(request: NextRequest): Promise<Response> {
  // The token in a file's own address is all that it takes.
  if (request.nextUrl.searchParams.has("token")) return forwardFile(request, getSettings().authEdgeUrl, null);
  return answerFromService(request, "auth_edge", forwardFile);
}

export { answer as DELETE, answer as GET, answer as HEAD, answer as PATCH, answer as POST, answer as PUT };
