"use client";

/** The files of a todo: pictures small, others by their names; each opens, or is saved. */
import { FileText } from "lucide-react";
import { createContext, useContext } from "react";

import type { Task } from "./task-api";

/** Whose files they are: their addresses begin with it. */
export const FileOwner = createContext<string>("");

const PICTURES: readonly string[] = ["image/png", "image/jpeg", "image/webp", "image/gif"];

export function TaskFiles({ files }: { files: Task["attachments"] }) {
  const owner = useContext(FileOwner);
  if (files.length === 0) return null;
  return (
    <ul className="mt-1.5 flex flex-wrap gap-2" aria-label="Files">
      {files.map(({ attachment_id: id, name, mime_type: type }) => {
        const url = `/api/${encodeURIComponent(owner)}/attachments/${encodeURIComponent(id)}/content`;
        const isPicture = PICTURES.includes(type);
        return (
          <li key={id} className="max-w-full">
            <a
              href={url}
              target="_blank"
              rel="noreferrer"
              title={name}
              className="focus-visible:ring-ring/50 hover:bg-accent text-muted-foreground flex max-w-full items-center gap-1.5 rounded-md border text-xs outline-none focus-visible:ring-[3px]"
            >
              {isPicture ? (
                // eslint-disable-next-line @next/next/no-img-element -- it is behind a login, which the optimiser has none of
                <img src={url} alt={name} loading="lazy" className="size-12 rounded-md object-cover" />
              ) : (
                <span className="flex min-w-0 items-center gap-1.5 px-2 py-1">
                  <FileText className="size-3.5 shrink-0" aria-hidden />
                  <span className="truncate">{name}</span>
                </span>
              )}
            </a>
          </li>
        );
      })}
    </ul>
  );
}
