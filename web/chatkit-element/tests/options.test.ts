import { expect, test } from "vitest";
import { unknownOptions, viewOptions } from "../src/options/options";
import { fillTemplate, readSettings, withParameter } from "../src/options/settings";
import { readableOn, readTheme } from "../src/options/theme";

test("every theme option has an effect", () => {
  const theme = readTheme({
    colorScheme: "dark",
    radius: "soft",
    density: "compact",
    typography: { baseSize: 18, fontFamily: "Inter", fontFamilyMono: "Fira", fontSources: [{ family: "Inter", src: "/i.woff2" }] },
    color: {
      grayscale: { hue: 200, tint: 5, shade: -2 },
      accent: { primary: "#ffee00", level: 2 },
      surface: { background: "#111", foreground: "#eee" },
    },
  });
  expect(theme).toMatchObject({ colorScheme: "dark", radius: "soft", density: "compact" });
  expect(theme.fonts).toHaveLength(1);
  expect(theme.properties).toEqual({
    "--ck-font-size": "18px",
    "--ck-font-family": "Inter",
    "--ck-font-family-mono": "Fira",
    "--ck-hue": "200",
    "--ck-saturation": "11%",
    "--ck-shade": "-3%",
    "--ck-accent": "#ffee00",
    "--ck-accent-share": "14%",
    "--ck-on-accent": "#000",
    "--ck-surface": "#111",
    "--ck-foreground": "#eee",
  });
});

test("a theme may be a colour scheme, also the system's; nonsense falls back to the defaults", () => {
  expect(readTheme("dark").colorScheme).toBe("dark");
  expect(readTheme("system").colorScheme).toBe("system");
  expect(readTheme(undefined)).toMatchObject({ colorScheme: "light", radius: "pill", density: "normal", properties: {} });
  expect(readTheme({ radius: "round" as never, density: "huge" as never })).toMatchObject({ radius: "round", density: "normal" });
});

test("text on the accent is readable", () => {
  expect(readableOn("#000")).toBe("#fff");
  expect(readableOn("#ffffff")).toBe("#000");
  expect(readableOn("rgb(250, 250, 0)")).toBe("#000");
  expect(readableOn("rebeccapurple")).toBe("#fff");
});

test("unknown options are named", () => {
  expect(unknownOptions({ api: { url: "/x", domainKey: "k" }, nope: 1, entities: {}, commands: { enabled: false } })).toEqual(["nope"]);
});

test("defaults are those of the published types", () => {
  expect(viewOptions({})).toMatchObject({
    header: { isEnabled: true, isTitleShown: true },
    history: { isEnabled: true, canDelete: true, canRename: true },
    autoScroll: false,
    canRetry: false,
    canRate: false,
    disclaimer: null,
  });
});

test("settings come from data attributes, and their templates encode what they are filled with", () => {
  const element = document.createElement("div");
  element.setAttribute("data-resume", "/c/{thread_id}/stream");
  element.setAttribute("data-conversation-url", "/c/{thread_id}");
  element.setAttribute("data-on-busy", "explode");
  element.setAttribute("data-assistant", "support");
  element.setAttribute("data-keyboard", "page");
  element.setAttribute("data-page-keys", "Ctrl + K: Search; nothing");
  element.setAttribute("data-prompts", "send");
  expect(readSettings(element)).toEqual({ resumeUrl: "/c/{thread_id}/stream", stopUrl: null, searchUrl: null, conversationUrl: "/c/{thread_id}", onBusy: null, assistant: "support", apiUrl: null, ownsPage: true, pageKeys: [["Ctrl + K", "Search"]], fillsPrompts: false, attachmentUrl: null, modelFiles: {}, readsAloud: false, isReadOnly: false });
  expect(fillTemplate("/c/{thread_id}/s?x={other}", { thread_id: "a/b?c" })).toBe("/c/a%2Fb%3Fc/s?x={other}");
});

test("a parameter is added to any address", () => {
  expect(withParameter("/search", "after", "a&b")).toBe("/search?after=a%26b");
  expect(withParameter("/search?q=x", "after", "1")).toBe("/search?q=x&after=1");
});
