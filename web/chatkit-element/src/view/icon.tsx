import { createElement } from "preact";
import { CHATKIT_ICONS, HEADER_ICONS, LUCIDE_ICONS } from "./icon-set";
import { memo } from "./memo";

/** The drawing of an icon name of either published set, or of `lucide:<name>`; a dot for what is not bundled. */
export function iconNode(name: string) {
  const lucide = name.startsWith("lucide:") ? LUCIDE_ICONS[name.slice("lucide:".length)] : undefined;
  return lucide ?? CHATKIT_ICONS[name] ?? HEADER_ICONS[name] ?? CHATKIT_ICONS["dot"] ?? [];
}

/** In a widget these point the other way where lines begin on the right. */
const DIRECTED = /(?:chevrons?|arrow)-(?:left|right)$/;

/** Icons are hidden from screen readers: their meaning is always in text as well. */
export const Icon = memo(({ name, class: className = "" }: { name: string; class?: string }) => (
  <svg
    class={`icon ${name === "star-filled" || name === "lucide:square" ? "filled" : ""} ${DIRECTED.test(name) ? "directed" : ""} ${className}`}
    viewBox="0 0 24 24"
    fill="none"
    stroke="currentColor"
    stroke-width="2"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
    focusable="false"
  >
    {iconNode(name).map(([tag, attributes], index) => createElement(tag, { ...attributes, key: index }))}
  </svg>
));
