"use client";

/** The end of what was read of a list: reads on when it is seen, or on request. */
import { useEffect, useRef, useState } from "react";

import { Button } from "@/components/ui/button";

export function MoreTasks({ onMore }: Readonly<{ onMore: () => Promise<void> }>) {
  const end = useRef<HTMLDivElement>(null);
  const [isReading, setReading] = useState(false);
  const isBusy = useRef(false);
  async function read() {
    if (isBusy.current) return;
    isBusy.current = true;
    setReading(true);
    await onMore();
    isBusy.current = false;
    setReading(false);
  }
  const reading = useRef(read);
  useEffect(() => void (reading.current = read));
  useEffect(() => {
    if (end.current === null || isReading) return;
    const observer = new IntersectionObserver((entries) => entries.some(({ isIntersecting }) => isIntersecting) && void reading.current());
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [isReading]);
  return (
    <div ref={end} className="flex justify-center border-t p-2">
      <Button variant="ghost" size="sm" disabled={isReading} onClick={() => void read()}>
        {isReading ? "Loading more tasks…" : "Show more"}
      </Button>
    </div>
  );
}
