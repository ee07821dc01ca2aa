import type { Metadata } from "next";

import { OperatorPage } from "@/features/operator/operator-page";
import { UserView } from "@/features/operator/user-view";
import { requireOperator } from "@/server/require-user";

export const metadata: Metadata = { title: "User" };

export default async function UserPage({ params }: { params: Promise<{ userId: string }> }) {
  await requireOperator();
  const { userId } = await params;
  return (
    <OperatorPage title="User">
      <UserView userId={decodeURIComponent(userId)} />
    </OperatorPage>
  );
}
