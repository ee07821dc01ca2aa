import { AuthCard } from "@/features/auth/auth-card";
import { pageAfterSignIn } from "@/server/routing";

export default function HomePage() {
  return <AuthCard mode="sign_up" pageAfter={pageAfterSignIn(null)} />;
}
