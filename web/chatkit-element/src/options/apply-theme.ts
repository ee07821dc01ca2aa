import type { ChatKitOptions } from "@openai/chatkit";
import { loadFonts, readTheme } from "./theme";

/** Writes the theme on the element's root, as attributes and custom properties. */
export function applyTheme(root: HTMLElement, option: ChatKitOptions["theme"]): void {
  const theme = readTheme(option);
  root.dataset["colorScheme"] = theme.colorScheme;
  root.dataset["radius"] = theme.radius;
  root.dataset["density"] = theme.density;
  for (const name of [...root.style]) if (name.startsWith("--ck-")) root.style.removeProperty(name);
  for (const [name, value] of Object.entries(theme.properties)) root.style.setProperty(name, value);
  loadFonts(theme.fonts);
}
