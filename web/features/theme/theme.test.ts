import { expect, test } from "vitest";

import { parseTheme, themeClass, themeCookie } from "./theme";

test("only the two choices become a class; anything else is the system's", () => {
  expect(["light", "dark"].map((value) => themeClass(parseTheme(value)))).toEqual(["light", "dark"]);
  expect(["system", "", "dark; x", undefined].map((value) => themeClass(parseTheme(value)))).toEqual(["", "", "", ""]);
  expect(themeCookie("dark")).toBe("natter-theme=dark; path=/; max-age=31536000; samesite=lax");
});
