/** The files of the message that is being written: how far each is, what can be done with it, and which were not taken. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { type AttachmentRules, isTaken, type Refusal } from "../options/attachments";
import type { ComposerAttachment } from "../state/app-state";
import { failureText } from "../text/failure-text";
import type { TextKey } from "../text/locales/en";
import { IconButton } from "./button";
import { useLocale, useView } from "./context";
import { fileIcon } from "./file-icon";
import { Icon } from "./icon";
import { memo } from "./memo";

const WORDS: Record<Refusal["code"], TextKey> = {
  empty: "refusedEmpty",
  too_large: "refusedSize",
  kind: "refusedKind",
  model: "refusedModel",
  too_many: "refusedCount",
  folder: "refusedFolder",
};

interface Props {
  attachments: readonly ComposerAttachment[];
  refusals: readonly Refusal[];
  rules: AttachmentRules | null;
}

export const ComposerAttachments = memo(({ attachments, refusals, rules }: Props) => {
  const { text } = useLocale();
  return (
    <>
      <Refusals refusals={refusals} />
      {attachments.length > 0 && (
        <ul class="attachments" aria-label={text("attached")}>
          {attachments.map((attachment) => (
            <Attachment key={attachment.key} attachment={attachment} isTaken={rules === null || isTaken(attachment, rules)} />
          ))}
        </ul>
      )}
      <Arrivals attachments={attachments} />
    </>
  );
});

const Attachment = memo(({ attachment, isTaken: canGo }: { attachment: ComposerAttachment; isTaken: boolean }) => {
  const { chat, locale, focusComposer } = useView();
  const { text } = locale;
  const { key, name, status, progress, error } = attachment;
  const picture = attachment.previewUrl ?? attachment.uploaded?.preview_url;
  const remove = () => {
    chat.attachments.remove(key);
    focusComposer(); // the button that had the focus is gone
  };
  return (
    <li class={`attachment ${status}`} part="attachment" data-status={status}>
      {picture ? <img class="thumbnail" src={picture} alt="" /> : <Icon name={fileIcon(attachment.mimeType)} />}
      <span class="attachment-text">
        <bdi class="attachment-name">{name}</bdi>
        {status === "uploading" && <progress max={1} value={progress} aria-label={text("uploading", { name })} />}
        {error && <span class="attachment-error" role="alert" dir="auto">{failureText(locale, error)}</span>}
        {!canGo && <span class="attachment-error" role="alert" dir="auto">{text("refusedModel", { name })}</span>}
        {status === "ready" && attachment.sizeBytes !== null && <small>{locale.fileSize(attachment.sizeBytes)}</small>}
      </span>
      {status === "failed" && error?.code !== "upload_interrupted" && (
        <IconButton icon="reload" label={text("uploadAgain", { name })} onClick={() => void chat.attachments.retry(key)} />
      )}
      <IconButton icon="close" label={text("removeAttachment", { name })} onClick={remove} />
    </li>
  );
});

function Refusals({ refusals }: { refusals: readonly Refusal[] }) {
  const { chat, locale, focusComposer } = useView();
  if (refusals.length === 0) return null;
  const dismiss = () => {
    chat.setComposer({ refusals: [] });
    focusComposer();
  };
  return (
    <div class="notice warning refusals" role="alert">
      <Icon name="lucide:triangle-alert" />
      <div class="notice-text">
        {refusals.map(({ code, name, limit }, index) => (
          <p key={index} dir="auto">{locale.text(WORDS[code], { name, limit: code === "too_large" ? locale.fileSize(limit) : limit })}</p>
        ))}
      </div>
      <IconButton icon="close" label={locale.text("dismiss")} onClick={dismiss} />
    </div>
  );
}

/** Says to those who do not see the bar that a file is there. */
function Arrivals({ attachments }: { attachments: readonly ComposerAttachment[] }) {
  const { text } = useLocale();
  const [said, setSaid] = useState("");
  const uploading = useRef<ReadonlySet<string>>(new Set());
  useLayoutEffect(() => {
    const arrived = attachments.filter(({ key, status }) => status === "ready" && uploading.current.has(key));
    uploading.current = new Set(attachments.filter(({ status }) => status === "uploading").map(({ key }) => key));
    if (arrived.length > 0) setSaid(arrived.map(({ name }) => text("uploaded", { name })).join(" "));
  }, [attachments]);
  return <p class="visually-hidden" role="status">{said}</p>;
}
