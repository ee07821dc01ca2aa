"use client";

import { RotateCw, TriangleAlert } from "lucide-react";

import { EmptyState } from "@/components/empty-state";
import { Button } from "@/components/ui/button";

/** A page that could not be rendered: most often the database is away for a moment. */
export default function ErrorPage({ reset }: { reset: () => void }) {
  return (
    <main className="grid min-h-dvh place-content-center">
      <EmptyState
        icon={TriangleAlert}
        title="Natter is not answering right now"
        text="Nothing is lost. Try again in a moment."
        isError
      >
        <Button
          variant="outline"
          onClick={() => {
            reset();
            location.reload();
          }}
        >
          <RotateCw /> Try again
        </Button>
      </EmptyState>
    </main>
  );
}
