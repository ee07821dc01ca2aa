/** Better Auth's own endpoints, and the public keys (`/api/auth/jwks`) by which the services verify its tokens. */
import { getAuth } from "@/server/auth";
import { problem } from "@/server/problem";

async function handle(request: Request): Promise<Response> {
  try {
    return await getAuth().handler(request);
  } catch (error) {
    console.error(JSON.stringify({ event: "auth.unavailable", error: String(error) }));
    return problem("unavailable");
  }
}

export { handle as GET, handle as POST };
