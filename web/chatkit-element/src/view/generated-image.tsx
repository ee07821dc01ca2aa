/** A picture that a run has made: it opens in the viewer, and is saved from there where the server keeps it as a file. */

import { useEffect, useState } from "preact/hooks";
import { safeImage } from "../markdown/links";
import { failureOf } from "../protocol/errors";
import type { GeneratedImageItem } from "../protocol/types";
import { failureText } from "../text/failure-text";
import { useView } from "./context";
import { PictureViewer } from "./picture-viewer";

type Image = NonNullable<GeneratedImageItem["image"]>;

interface Props {
  image: Image;
  allowedImageDomains: readonly string[];
  /** What stands for one at an address that nothing is loaded from. */
  fallback: preact.ComponentChild;
}

export function GeneratedImage({ image, allowedImageDomains, fallback }: Props) {
  const { attachmentUrl, locale } = useView();
  const [isOpen, setOpen] = useState(false);
  const url = fileOf(image, attachmentUrl);
  const { src, error, fetchIt } = useSource(image.url, safeImage(image.url, document.baseURI, allowedImageDomains), url);
  if (error !== null) return <p class="note" role="alert">{failureText(locale, failureOf(error))}</p>;
  if (src === null) return <>{url === null ? fallback : <p class="note">{locale.text("loading")}</p>}</>;
  const name = image.name ?? locale.text("imageAlt");
  return (
    <>
      <button type="button" class="picture" aria-label={locale.text("openPicture", { name })} aria-haspopup="dialog" onClick={() => setOpen(true)}>
        <img class="generated-image" src={src} alt={name} referrerpolicy="no-referrer" onError={fetchIt} />
      </button>
      {isOpen && <PictureViewer pictures={[{ name, src, url }]} at={0} onMove={() => {}} onClose={() => setOpen(false)} />}
    </>
  );
}

/** Where its file can be fetched from; null of one that is no file of the server's. */
function fileOf({ id, url }: Image, attachmentUrl: ((id: string) => string) | null): string | null {
  const address = attachmentUrl?.(id) ?? null;
  return address !== null && pathOf(address) === pathOf(url) ? address : null;
}

function pathOf(url: string): string | null {
  return URL.canParse(url, document.baseURI) ? new URL(url, document.baseURI).pathname : null;
}

/**
 * What an `<img>` is given: the address, or the file itself, fetched as all else is. An address in a live answer has no
 * token of its own, so that it opens in the page of a session alone; one in a thread that was loaded ends after minutes.
 */
function useSource(of: string, safe: string | null, url: string | null) {
  const { chat } = useView();
  const [fetched, setFetched] = useState<{ of: string; src: string | null; error: unknown }>({ of: "", src: null, error: null });
  const isFetched = fetched.of === of;
  const fetchIt = () => {
    if (url === null || isFetched) return;
    setFetched({ of, src: null, error: null });
    chat.client
      .request(url, {})
      .then(async (response) => setFetched({ of, src: URL.createObjectURL(await response.blob()), error: null }))
      .catch((error: unknown) => setFetched({ of, src: null, error }));
  };
  useEffect(() => {
    if (safe === null) fetchIt();
  }, [of]);
  useEffect(() => () => void (fetched.src && URL.revokeObjectURL(fetched.src)), [fetched.src]);
  return { src: isFetched ? fetched.src : safe, error: isFetched ? fetched.error : null, fetchIt };
}
