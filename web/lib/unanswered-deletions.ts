/**
 * Deletions that were sent and not answered. A browser may drop a request that is sent while its page is left, `keepalive`
 * or not (Chromium does, now and then): what was deleted would be back. So the next page sends it again; deleting twice
 * is deleting once.
 */
const KEY = "natter-unanswered-deletions";

/** To be called before the request is sent. */
export function rememberDeletion(url: string): void {
  write([...read().filter((known) => known !== url), url]);
}

/** The server has answered, whatever it said. */
export function forgetDeletion(url: string): void {
  write(read().filter((known) => known !== url));
}

/** The addresses below `base` whose deletion was not answered. */
export function unansweredDeletions(base: string): readonly string[] {
  return read().filter((url) => url.startsWith(`${base}/`));
}

function read(): readonly string[] {
  try {
    const urls: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(urls) ? urls.filter((url) => typeof url === "string") : [];
  } catch {
    return []; // nothing that can be read, or storage is forbidden
  }
}

function write(urls: readonly string[]): void {
  try {
    if (urls.length === 0) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, JSON.stringify(urls));
  } catch {
    // Full or forbidden: a deletion that is lost is listed again, and can be repeated.
  }
}
