/** The files of a message: pictures that open in a viewer, and chips that download what is behind them. */

import { useState } from "preact/hooks";
import type { WireAttachment } from "../protocol/types";
import { useView } from "./context";
import { fileIcon } from "./file-icon";
import { Icon } from "./icon";
import { memo } from "./memo";
import { DownloadLink, type Picture, PictureViewer } from "./picture-viewer";

export const MessageAttachments = memo(({ attachments }: { attachments: readonly WireAttachment[] }) => {
  const { attachmentUrl, locale } = useView();
  const [opened, setOpened] = useState<number | null>(null);
  const [broken, setBroken] = useState<ReadonlySet<string>>(new Set());
  if (attachments.length === 0) return null;
  const addressOf = (id: string) => attachmentUrl?.(id) ?? null;
  const shown = attachments.filter((one) => one.type === "image" && one.preview_url && !broken.has(one.id));
  const pictures = shown.map(({ id, name, preview_url: src }): Picture => ({ name, src: src as string, url: addressOf(id) }));
  const files = attachments.filter((one) => !shown.includes(one));
  return (
    <div class="message-attachments" part="attachments">
      {pictures.length > 0 && (
        <ul class="pictures">
          {shown.map(({ id, name, preview_url: src }, index) => (
            <li key={id}>
              <button type="button" class="picture" aria-label={locale.text("openPicture", { name })} aria-haspopup="dialog" onClick={() => setOpened(index)}>
                <img src={src} alt={name} loading="lazy" referrerpolicy="no-referrer" onError={() => setBroken((before) => new Set([...before, id]))} />
              </button>
            </li>
          ))}
        </ul>
      )}
      {files.length > 0 && (
        <ul class="attachments">
          {files.map(({ id, name, mime_type: mimeType, metadata }) => (
            <li key={id} class="attachment" part="attachment">
              <Icon name={fileIcon(mimeType)} />
              <span class="attachment-text">
                <bdi class="attachment-name">{name}</bdi>
                {typeof metadata?.size_bytes === "number" && <small>{locale.fileSize(metadata.size_bytes)}</small>}
              </span>
              <DownloadLink name={name} url={addressOf(id)} />
            </li>
          ))}
        </ul>
      )}
      {opened !== null && pictures[opened] && <PictureViewer pictures={pictures} at={opened} onMove={setOpened} onClose={() => setOpened(null)} />}
    </div>
  );
});
