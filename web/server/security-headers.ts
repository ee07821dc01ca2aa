/** Headers that say what a browser may load and do on our pages. */
import type { ChatkitElement } from "./settings";

const OPENAI_CDN = "https://cdn.platform.openai.com";

/**
 * Scripts need the nonce of this one response. Styles may be inline: the primitives position menus with style
 * attributes, for which there is no nonce. Nothing is loaded from elsewhere, unless OpenAI's element is configured, or a
 * store of files that browsers reach themselves.
 */
export function contentSecurityPolicy(nonce: string, element: ChatkitElement, filesOrigin: string | undefined, isDevelopment: boolean): string {
  const cdn = element.source === "openai" ? ` ${OPENAI_CDN}` : "";
  const files = filesOrigin === undefined ? "" : ` ${filesOrigin}`;
  const directives = [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}'${cdn}${isDevelopment ? " 'unsafe-eval'" : ""}`,
    "style-src 'self' 'unsafe-inline'",
    `img-src 'self' data: blob:${files}`,
    "font-src 'self'",
    `connect-src 'self'${files}${isDevelopment ? " ws:" : ""}`,
    element.source === "openai" ? `frame-src${cdn}` : "frame-src 'none'",
    "worker-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ];
  return directives.join("; ");
}

export function securityHeaders(isHttps: boolean): Record<string, string> {
  return {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    // The microphone is the composer's: dictation.
    "permissions-policy": "camera=(), geolocation=(), microphone=(self), browsing-topics=()",
    "cross-origin-opener-policy": "same-origin",
    ...(isHttps ? { "strict-transport-security": "max-age=31536000" } : {}),
  };
}
