import { SearchX } from "lucide-react";
import Link from "next/link";

import { EmptyState } from "@/components/empty-state";
import { Button } from "@/components/ui/button";

export default function NotFound() {
  return (
    <main className="grid min-h-dvh place-content-center">
      <EmptyState icon={SearchX} title="There is no such page" text="The address may be old, or not quite right.">
        <Button asChild variant="outline">
          <Link href="/dashboard/chat">To the chat</Link>
        </Button>
      </EmptyState>
    </main>
  );
}
