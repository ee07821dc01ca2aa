import { expect, test } from "vitest";

import { boundedWidth, parseSidebar, sidebarCookie } from "./sidebar-state";

test("what the cookie says is read again, and what it may not say is the default", () => {
  for (const state of [{ isOpen: false, width: 300 }, { isOpen: true, width: 220 }]) {
    expect(parseSidebar(sidebarCookie(state).split(/[=;]/)[1])).toEqual(state);
  }
  for (const nonsense of [undefined, "", "open-9", "open-12x", "wide-300"]) expect(parseSidebar(nonsense).isOpen).toBe(true);
  expect(parseSidebar("open-999").width).toBe(420);
  expect(boundedWidth(10)).toBe(220);
});
