/** Names for the buttons of the header: the published option has an icon for each, and no words. */

import type { HeaderOption } from "@openai/chatkit";
import type { TextKey } from "./locales/en";

type HeaderIcon = NonNullable<HeaderOption["leftAction"]>["icon"];

export const TEXT_BY_HEADER_ICON: Readonly<Record<HeaderIcon, TextKey>> = {
  "sidebar-left": "sidebar", "sidebar-right": "sidebar", "sidebar-open-left": "sidebar", "sidebar-open-right": "sidebar",
  "sidebar-open-left-alt": "sidebar", "sidebar-open-right-alt": "sidebar", "sidebar-floating-left": "sidebar",
  "sidebar-floating-right": "sidebar", "sidebar-floating-open-left": "sidebar",
  "sidebar-floating-open-right": "sidebar", "sidebar-collapse-left": "sidebar", "sidebar-collapse-right": "sidebar",
  "collapse-left": "collapse", "collapse-right": "collapse", "collapse-large": "collapse", "collapse-small": "collapse",
  "expand-large": "expand", "expand-small": "expand", "open-left": "open", "open-right": "open",
  "double-chevron-left": "collapse", "double-chevron-right": "expand", home: "home", "home-alt": "home",
  "back-small": "back", "back-large": "back", star: "favourite", "star-filled": "favourite", bug: "reportProblem",
  "chat-temporary": "temporaryChat", "settings-cog": "settings", grid: "overview", "dots-horizontal": "more",
  "dots-vertical": "more", "dots-horizontal-circle": "more", "dots-vertical-circle": "more", menu: "menu",
  "menu-inverted": "menu", hamburger: "menu", history: "history", "book-open": "book", compose: "newChat",
  share: "share", "light-mode": "lightMode", "dark-mode": "darkMode", close: "close",
};
