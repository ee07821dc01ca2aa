import Bowser from "bowser";

/** What people call a browser and its machine, by what it said of itself: "Firefox on Linux". */
export function deviceName(userAgent: string | null): string {
  if (userAgent === null) return "Unknown device";
  const { browser, os } = Bowser.parse(userAgent);
  return [browser.name || "Unknown browser", os.name].filter(Boolean).join(" on ");
}
