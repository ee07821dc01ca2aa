/** Whether the sidebar is open on wide screens, and how wide. A cookie, so that the server renders it and nothing moves afterwards. */

export type SidebarState = Readonly<{ isOpen: boolean; width: number }>;

export const SIDEBAR_COOKIE = "natter-sidebar";
export const WIDTH_MIN = 220;
export const WIDTH_MAX = 420;
const COOKIE_SECONDS = 60 * 60 * 24 * 365;
const DEFAULT: SidebarState = { isOpen: true, width: 272 };

export function parseSidebar(value: string | undefined): SidebarState {
  const [, open, width] = /^(open|closed)-(\d{3})$/.exec(value ?? "") ?? [];
  return open === undefined ? DEFAULT : { isOpen: open === "open", width: boundedWidth(Number(width)) };
}

export function sidebarCookie({ isOpen, width }: SidebarState): string {
  return `${SIDEBAR_COOKIE}=${isOpen ? "open" : "closed"}-${width}; path=/; max-age=${COOKIE_SECONDS}; samesite=lax`;
}

export function boundedWidth(pixels: number): number {
  return Math.round(Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, pixels)));
}
