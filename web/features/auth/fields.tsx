"use client";

/** The two fields of every form at the door. */
import { Eye, EyeOff } from "lucide-react";
import { useId, useState } from "react";

import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";

const PASSWORD_CHARACTERS_MIN = 8;

/** An invitation is for one address, and brings it along. */
export function EmailField({ given = "" }: { given?: string }) {
  const id = useId();
  return (
    <div className="grid gap-2">
      <Label htmlFor={id}>E-mail</Label>
      <Input id={id} name="email" type="email" autoComplete="email" defaultValue={given} key={given} required autoFocus className="h-10" />
    </div>
  );
}

export function PasswordField({ isNew }: { isNew: boolean }) {
  const [isShown, setShown] = useState(false);
  const id = useId();
  const hintId = useId();
  return (
    <div className="grid gap-2">
      <Label htmlFor={id}>Password</Label>
      <div className="relative">
        <Input
          id={id}
          name="password"
          type={isShown ? "text" : "password"}
          autoComplete={isNew ? "new-password" : "current-password"}
          required
          minLength={isNew ? PASSWORD_CHARACTERS_MIN : undefined}
          maxLength={128}
          aria-describedby={isNew ? hintId : undefined}
          className="h-10 pr-11"
        />
        <Button
          type="button"
          variant="ghost"
          size="icon-sm"
          className="text-muted-foreground absolute top-1 right-1"
          aria-label="Show password"
          aria-pressed={isShown}
          onClick={() => setShown(!isShown)}
        >
          {isShown ? <EyeOff /> : <Eye />}
        </Button>
      </div>
      {isNew && (
        <p id={hintId} className="text-muted-foreground text-xs">
          At least {PASSWORD_CHARACTERS_MIN} characters.
        </p>
      )}
    </div>
  );
}
