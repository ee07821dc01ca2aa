/** The ways into the composer for files: a picker here, and what is dropped on the chat or pasted into the field. */

import { useRef, useState } from "preact/hooks";
import { acceptAttribute, type AttachmentRules, type Refusal } from "../options/attachments";
import type { Chat } from "../chat/chat";
import { IconButton } from "./button";
import { useView } from "./context";

export function AttachButton({ rules }: { rules: AttachmentRules }) {
  const { chat, locale } = useView();
  const input = useRef<HTMLInputElement>(null);
  const onChange = (event: Event & { currentTarget: HTMLInputElement }) => {
    const files = [...(event.currentTarget.files ?? [])];
    event.currentTarget.value = ""; // the same file can be chosen again
    if (files.length > 0) void chat.attach(files, rules);
  };
  return (
    <>
      <input ref={input} class="file-input" type="file" multiple accept={acceptAttribute(rules)} tabIndex={-1} aria-hidden="true" onChange={onChange} />
      <IconButton icon="lucide:paperclip" part="attach-button" label={locale.text("attach")} onClick={() => input.current?.click()} />
    </>
  );
}

/** Pictures and files that are pasted. Text comes with a picture of itself from some programs: there the text is meant. */
export function pasteFiles(event: ClipboardEvent, chat: Chat, rules: AttachmentRules | null): void {
  const { files, types } = event.clipboardData ?? {};
  if (!rules || !files || files.length === 0 || types?.includes("text/plain")) return;
  event.preventDefault();
  void chat.attach([...files], rules);
}

/** For the whole chat: what is dropped on a message goes into the composer as well. */
export function useFileDrop(rules: AttachmentRules | null) {
  const { chat } = useView();
  const [isOver, setOver] = useState(false);
  const depth = useRef(0); // every element that the pointer crosses tells of it
  const enter = (change: number) => (event: DragEvent) => {
    if (!carriesFiles(event)) return;
    depth.current = Math.max(0, depth.current + change);
    setOver(depth.current > 0);
  };
  const onDragOver = (event: DragEvent) => {
    if (carriesFiles(event)) event.preventDefault(); // else the browser opens the file in place of the page
  };
  const onDrop = (event: DragEvent) => {
    if (!carriesFiles(event) || !rules) return;
    event.preventDefault();
    depth.current = 0;
    setOver(false);
    const { files, folders } = droppedFiles(event);
    void chat.attach(files, rules);
    if (folders.length > 0) chat.setComposer({ refusals: [...chat.store.state.composer.refusals, ...folders] });
  };
  return { isOver, events: rules ? { onDragEnter: enter(1), onDragLeave: enter(-1), onDragOver, onDrop } : {} };
}

function carriesFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

function droppedFiles({ dataTransfer }: DragEvent): { files: File[]; folders: Refusal[] } {
  const folders = [...(dataTransfer?.items ?? [])].flatMap((item) => {
    const entry = item.webkitGetAsEntry?.();
    return entry?.isDirectory ? [{ code: "folder" as const, name: entry.name, limit: 0 }] : [];
  });
  const names = new Set(folders.map(({ name }) => name));
  return { files: [...(dataTransfer?.files ?? [])].filter((file) => !(names.has(file.name) && file.type === "")), folders };
}
