"use client";

/** A secret that no service can show again: to be copied now. */
import { Check, Copy } from "lucide-react";
import { useState } from "react";

import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";

export function ShownOnce({ label, secret }: { label: string; secret: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = () => void navigator.clipboard.writeText(secret).then(() => setCopied(true), () => undefined);
  return (
    <div className="grid gap-1.5">
      <div className="flex gap-2">
        <Input readOnly aria-label={label} value={secret} onFocus={(event) => event.currentTarget.select()} />
        <Button type="button" variant="outline" onClick={copy}>
          {isCopied ? <Check /> : <Copy />} {isCopied ? "Copied" : "Copy"}
        </Button>
      </div>
      <p className="text-muted-foreground text-sm">Copy it now: it is not shown again.</p>
    </div>
  );
}
