/** The theme option as custom properties of the element's root; the stylesheet computes everything else from them. */

import type { ChatKitOptions, FontObject } from "@openai/chatkit";

export interface Theme {
  colorScheme: "light" | "dark" | "system";
  radius: "pill" | "round" | "soft" | "sharp";
  density: "compact" | "normal" | "spacious";
  /** Custom properties, without those that the theme does not set. */
  properties: Record<string, string>;
  fonts: readonly FontObject[];
}

/** `colorScheme: "system"` follows the reader's system; the published types do not name it. */
type ThemeInput = ChatKitOptions["theme"] | "system";

export function readTheme(input: ThemeInput): Theme {
  const theme = typeof input === "string" ? { colorScheme: input } : (input ?? {});
  const scheme = theme.colorScheme as string | undefined;
  return {
    colorScheme: scheme === "dark" || scheme === "system" ? scheme : "light",
    radius: oneOf(theme, "radius", ["pill", "round", "soft", "sharp"], "pill"),
    density: oneOf(theme, "density", ["compact", "normal", "spacious"], "normal"),
    properties: { ...typography(theme), ...colors(theme) },
    fonts: ("typography" in theme && theme.typography?.fontSources) || [],
  };
}

type ThemeObject = Exclude<ChatKitOptions["theme"], string | undefined>;

function oneOf<T extends string>(theme: object, key: string, allowed: readonly T[], fallback: T): T {
  const value = (theme as Record<string, unknown>)[key];
  return allowed.includes(value as T) ? (value as T) : fallback;
}

function typography(theme: ThemeObject | { colorScheme: string }): Record<string, string> {
  const option = "typography" in theme ? theme.typography : undefined;
  const properties: Record<string, string> = {};
  if (option?.baseSize) properties["--ck-font-size"] = `${option.baseSize}px`;
  if (option?.fontFamily) properties["--ck-font-family"] = option.fontFamily;
  if (option?.fontFamilyMono) properties["--ck-font-family-mono"] = option.fontFamilyMono;
  return properties;
}

/** How much of the hue each tint step mixes into the greys, in percent saturation. */
const SATURATION_PER_TINT = 2.2;
/** Each shade step moves the greys by this much lightness, in percent. */
const LIGHTNESS_PER_SHADE = 1.5;
/** Level 0: the accent only on the send button. 3: also in bubbles, links and selections. */
const ACCENT_SHARE_BY_LEVEL = ["0%", "8%", "14%", "22%"] as const;

function colors(theme: ThemeObject | { colorScheme: string }): Record<string, string> {
  const option = "color" in theme ? theme.color : undefined;
  const properties: Record<string, string> = {};
  if (option?.grayscale) {
    const { hue, tint, shade = 0 } = option.grayscale;
    properties["--ck-hue"] = String(hue);
    properties["--ck-saturation"] = `${Math.min(9, Math.max(0, tint)) * SATURATION_PER_TINT}%`;
    properties["--ck-shade"] = `${Math.min(4, Math.max(-4, shade)) * LIGHTNESS_PER_SHADE}%`;
  }
  if (option?.accent) {
    properties["--ck-accent"] = option.accent.primary;
    properties["--ck-accent-share"] = ACCENT_SHARE_BY_LEVEL[option.accent.level] ?? "8%";
    properties["--ck-on-accent"] = readableOn(option.accent.primary);
  }
  if (option?.surface) {
    properties["--ck-surface"] = option.surface.background;
    properties["--ck-foreground"] = option.surface.foreground;
  }
  return properties;
}

/** Black or white, whichever contrasts more with a colour (WCAG 2.2 relative luminance). */
export function readableOn(color: string): string {
  const channels = parseColor(color);
  if (!channels) return "#fff";
  const [r, g, b] = channels.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  const luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? "#fff" : "#000";
}

function parseColor(color: string): number[] | null {
  const hex = /^#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i.exec(color.trim())?.[1];
  if (hex) {
    const wide = hex.length <= 4 ? [...hex].map((digit) => digit + digit).join("") : hex;
    return [0, 2, 4].map((at) => Number.parseInt(wide.slice(at, at + 2), 16));
  }
  const rgb = /^rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)/i.exec(color.trim());
  return rgb ? rgb.slice(1, 4).map(Number) : paint(color);
}

/** A colour in any notation that the browser knows; null if it is not a colour. */
function paint(color: string): number[] | null {
  if (typeof OffscreenCanvas === "undefined" || !CSS.supports("color", color)) return null;
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  if (!context) return null;
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

const loadedFonts = new Set<string>();

/** `@font-face` has no effect inside a shadow root, so the page's own fonts are registered with the document. */
export function loadFonts(fonts: readonly FontObject[]): void {
  if (typeof FontFace === "undefined") return;
  for (const { family, src, weight, style, display, unicodeRange } of fonts) {
    const key = JSON.stringify([family, src, weight, style]);
    if (loadedFonts.has(key)) continue;
    loadedFonts.add(key);
    const face = new FontFace(family, `url(${JSON.stringify(src)})`, {
      ...(weight !== undefined && { weight: String(weight) }),
      ...(style && { style }),
      ...(display && { display }),
      ...(unicodeRange && { unicodeRange }),
    });
    document.fonts.add(face);
  }
}
