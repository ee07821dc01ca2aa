// Serves the app's own pages and scripts while there is no connection. Answers of the services are stored by the page
// itself (lib/read-cache.ts): no stream and no message passes through here.
const PAGES = "natter-pages";
const FILES = "natter-files";
const FILES_MAX = 200;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate" && url.pathname.startsWith("/dashboard")) event.respondWith(page(event, url));
  else if (url.pathname.startsWith("/_next/static/") || url.pathname.startsWith("/chatkit/")) event.respondWith(file(request));
});

async function activate() {
  // Preloading would ask for every page, and the browser again for those that are not answered here: a provider's
  // answer to a sign-in is good once.
  await self.registration.navigationPreload?.disable();
  await self.clients.claim();
}

/** From the network, or as it was served last. One copy does for all conversations: the page reads its own by the address. */
async function page(event, url) {
  const cache = await caches.open(PAGES);
  try {
    const answer = await fetch(event.request);
    if (answer.ok && !answer.redirected) event.waitUntil(cache.put(url.pathname, answer.clone()));
    return answer;
  } catch (error) {
    const known = await cache.match(url.pathname);
    if (known) return known;
    throw error;
  }
}

/** Files whose address contains their hash: a stored one is never out of date. */
async function file(request) {
  const cache = await caches.open(FILES);
  const known = await cache.match(request);
  if (known) return known;
  const answer = await fetch(request);
  if (answer.ok) {
    await cache.put(request, answer.clone());
    const keys = await cache.keys();
    for (const key of keys.slice(0, Math.max(0, keys.length - FILES_MAX))) await cache.delete(key);
  }
  return answer;
}
