/** A picture as large as the window allows, over the page, and the others that it came with. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { failureOf } from "../protocol/errors";
import { failureText } from "../text/failure-text";
import { IconButton } from "./button";
import { useView } from "./context";
import { Icon } from "./icon";

export interface Picture {
  name: string;
  src: string;
  /** Where the file can be fetched from; null where it can only be seen. */
  url: string | null;
}

interface Props {
  pictures: readonly Picture[];
  at: number;
  onMove: (at: number) => void;
  onClose: () => void;
}

export function PictureViewer({ pictures, at, onMove, onClose }: Props) {
  const { locale } = useView();
  const { text } = locale;
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const picture = pictures[at] as Picture;
  const move = (by: number) => {
    if (pictures[at + by]) onMove(at + by);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const forward = locale.direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") move(event.key === forward ? 1 : -1);
    event.stopPropagation(); // Escape closes the viewer, and stops no answer behind it
  };
  const onClick = (event: MouseEvent) => {
    if (event.target === dialog.current) dialog.current?.close(); // beside the picture
  };
  return (
    <dialog class="viewer" part="viewer" aria-label={picture.name} ref={dialog} onClose={onClose} onKeyDown={onKeyDown} onClick={onClick}>
      <div class="viewer-bar">
        <bdi class="attachment-name">{picture.name}</bdi>
        {pictures.length > 1 && (
          <>
            <IconButton icon="chevron-left" label={text("previousPicture")} isDisabled={at === 0} onClick={() => move(-1)} />
            <span role="status">{text("pictureOf", { n: at + 1, count: pictures.length })}</span>
            <IconButton icon="chevron-right" label={text("nextPicture")} isDisabled={at === pictures.length - 1} onClick={() => move(1)} />
          </>
        )}
        <DownloadLink name={picture.name} url={picture.url} />
        <IconButton icon="close" label={text("close")} onClick={() => dialog.current?.close()} />
      </div>
      <img src={picture.src} alt={picture.name} referrerpolicy="no-referrer" />
    </dialog>
  );
}

/** Saves a file under its name. It is fetched as all else is: a link could show no token, and could not say what went wrong. */
export function DownloadLink({ name, url }: { name: string; url: string | null }) {
  const { chat, locale } = useView();
  const [state, setState] = useState<"idle" | "loading" | { error: unknown }>("idle");
  if (url === null) return null;
  const label = locale.text("download", { name });
  const download = async () => {
    setState("loading");
    try {
      await save(await (await chat.client.request(url, {})).blob(), name);
      setState("idle");
    } catch (error) {
      setState({ error });
    }
  };
  return (
    <>
      <button type="button" class="icon-button" aria-label={label} title={label} disabled={state === "loading"} onClick={() => void download()}>
        <Icon name={state === "loading" ? "lucide:loader-circle" : "lucide:download"} class={state === "loading" ? "spin" : ""} />
      </button>
      {typeof state === "object" && <span class="attachment-error" role="alert">{failureText(locale, failureOf(state.error))}</span>}
    </>
  );
}

async function save(blob: Blob, name: string): Promise<void> {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser reads it after the click
}
