import { AuthCard } from "@/features/auth/auth-card";
import { getDoor } from "@/server/door";
import { pageAfterSignIn } from "@/server/routing";

export default async function HomePage() {
  const door = await getDoor();
  return <AuthCard mode={door.signUp === "open" ? "sign_up" : "sign_in"} door={door} pageAfter={pageAfterSignIn(null)} />;
}
