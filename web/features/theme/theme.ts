/** The chosen colour scheme. It is a cookie, so that the server renders it and nothing flashes. */

export type Theme = "system" | "light" | "dark";

export const THEME_COOKIE = "natter-theme";
const THEME_COOKIE_SECONDS = 60 * 60 * 24 * 365;

export function parseTheme(value: string | undefined): Theme {
  return value === "light" || value === "dark" ? value : "system";
}

/** The class of `<html>`: none for "system", where the style sheet asks the browser. */
export function themeClass(theme: Theme): string {
  return theme === "system" ? "" : theme;
}

export function themeCookie(theme: Theme): string {
  return `${THEME_COOKIE}=${theme}; path=/; max-age=${THEME_COOKIE_SECONDS}; samesite=lax`;
}
