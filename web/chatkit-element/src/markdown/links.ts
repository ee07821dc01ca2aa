/** Which addresses a message may point to. Everything else is shown as text. */

const LINK_PROTOCOLS = new Set(["http:", "https:", "mailto:", "tel:", "chatkit-link:"]);

/** The address to use for a link, or null if it must not become one. Judged by the browser's own parser. */
export function safeLink(href: string, base: string): string | null {
  try {
    const url = new URL(href, base);
    return LINK_PROTOCOLS.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * The address to use for an image, or null. An image is loaded without a click, so a model could send text out in
 * its address: only inline data, the page's own origin and the domains that the thread allows.
 */
export function safeImage(src: string, base: string, allowedDomains: readonly string[]): string | null {
  try {
    const url = new URL(src, base);
    if (url.protocol === "data:") return /^data:image\/(png|jpe?g|gif|webp|avif)[;,]/i.test(url.href) ? url.href : null;
    if (url.protocol !== "http:" && url.protocol !== "https:") return null;
    const isOwn = url.origin === new URL(base).origin;
    const isAllowed = allowedDomains.some((domain) => url.hostname === domain || url.hostname.endsWith(`.${domain}`));
    return isOwn || (isAllowed && url.protocol === "https:") ? url.href : null;
  } catch {
    return null;
  }
}

/** `chatkit-link://name?key=value` is an event for the page, not a navigation. */
export function parseDeeplink(href: string): { name: string; data: Record<string, string> } | null {
  if (!href.startsWith("chatkit-link:")) return null;
  const [path = "", query = ""] = href.slice("chatkit-link:".length).replace(/^\/\//, "").split("?", 2);
  let end = path.length; // not /\/+$/: it tries each slash, and takes quadratic time for many that are not at the end
  while (end > 0 && path[end - 1] === "/") end -= 1;
  let name = path.slice(0, end);
  try {
    name = decodeURIComponent(name);
  } catch {
    // not percent-encoded: the name as it is
  }
  return { name, data: Object.fromEntries(new URLSearchParams(query)) };
}
