/** The last answers to reads, for when there is no connection: stored by the browser, for this user, until they sign out. */

const READ = "natter-read";
/** About thirty conversations. */
const ANSWERS_MAX = 120;
const READING_OPERATIONS = new Set(["threads.get_by_id", "items.list"]);

/** Set when the user signs out: answers that come after that are not stored. */
let isLeaving = false;

type Fetch = typeof globalThis.fetch;

/** A `fetch` that stores the answers to reads of ChatKit threads, and returns the stored one if there is no connection. */
export function keepingWhatIsRead(fetch: Fetch): Fetch {
  return async (input, init) => {
    const key = keyOfRead(input, init);
    if (key === null) return fetch(input, init);
    try {
      const answer = await fetch(input, init);
      if (answer.ok) void remember(key, answer.clone());
      return answer;
    } catch (error) {
      const known = init?.signal?.aborted ? undefined : await recall(key);
      if (known === undefined) throw error;
      return known;
    }
  };
}

/** The same for a GET. */
export function recallAnswer(url: string): Promise<Response | undefined> {
  return recall(url);
}

export function rememberAnswer(url: string, answer: Response): void {
  if (/^\/api\/[^/]+\/conversations/.test(url)) void remember(url, answer);
}

/** Deletes everything, so that the next person who signs in finds nothing. */
export async function forgetWhatWasRead(): Promise<void> {
  isLeaving = true;
  if (typeof caches === "undefined") return;
  const names = await caches.keys().catch(() => []);
  await Promise.all(names.filter((name) => name !== "natter-files").map((name) => caches.delete(name)));
}

function keyOfRead(input: RequestInfo | URL, init: RequestInit | undefined): string | null {
  if (init?.method !== "POST" || typeof init.body !== "string" || typeof input === "object") return null;
  const { type } = JSON.parse(init.body) as { type?: string };
  return type !== undefined && READING_OPERATIONS.has(type) ? `${input}?read=${encodeURIComponent(init.body)}` : null;
}

async function remember(key: string, answer: Response): Promise<void> {
  if (isLeaving || typeof caches === "undefined") return; // browsers have no caches over plain http, except localhost
  try {
    const cache = await caches.open(READ);
    if (isLeaving) return void (await caches.delete(READ));
    await cache.delete(key); // so that the newest is last
    await cache.put(key, answer);
    const keys = await cache.keys();
    for (const old of keys.slice(0, Math.max(0, keys.length - ANSWERS_MAX))) await cache.delete(old);
  } catch {
    // Full or forbidden: this answer will be missing offline.
  }
}

async function recall(key: string): Promise<Response | undefined> {
  if (typeof caches === "undefined") return undefined;
  try {
    return await caches.match(key, { cacheName: READ }); // unlike caches.open, this creates no cache
  } catch {
    return undefined;
  }
}
