"use client";

/** Chooses the assistant, where there are several. A conversation has one: choosing another begins a new conversation. */
import { Bot, ChevronDown } from "lucide-react";

import { Button } from "@/components/ui/button";
import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuRadioGroup,
  DropdownMenuRadioItem,
  DropdownMenuTrigger,
} from "@/components/ui/dropdown-menu";

import type { Assistant } from "./use-assistants";

type Props = Readonly<{
  assistants: readonly Assistant[];
  chosen: Assistant;
  onChoose: (assistantId: string) => void;
}>;

export function AssistantPicker({ assistants, chosen, onChoose }: Props) {
  return (
    <div className="border-b px-3 py-1">
      <DropdownMenu modal={false}>
        <DropdownMenuTrigger asChild>
          <Button variant="ghost" aria-label={`Assistant: ${chosen.name}`}>
            <Bot /> <span dir="auto">{chosen.name}</span> <ChevronDown />
          </Button>
        </DropdownMenuTrigger>
        <DropdownMenuContent align="start">
          <DropdownMenuRadioGroup value={chosen.assistant_id} onValueChange={onChoose}>
            {assistants.map(({ assistant_id, name }) => (
              <DropdownMenuRadioItem key={assistant_id} value={assistant_id}>
                <span dir="auto">{name}</span>
              </DropdownMenuRadioItem>
            ))}
          </DropdownMenuRadioGroup>
        </DropdownMenuContent>
      </DropdownMenu>
    </div>
  );
}
