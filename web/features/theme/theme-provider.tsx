"use client";

/** Holds the colour scheme of the page; the chat element reads it from here. */
import { createContext, useCallback, useContext, useEffect, useMemo, useState } from "react";

import { useMediaQuery } from "@/lib/use-media-query";

import { themeClass, themeCookie, type Theme } from "./theme";

type ThemeContext = Readonly<{ theme: Theme; scheme: "light" | "dark"; setTheme: (theme: Theme) => void }>;

const Context = createContext<ThemeContext | null>(null);

const DARK_QUERY = "(prefers-color-scheme: dark)";
const CHANNEL = "natter-theme";

function show(theme: Theme): void {
  document.documentElement.classList.remove("light", "dark");
  if (theme !== "system") document.documentElement.classList.add(themeClass(theme));
}

export function ThemeProvider({ initialTheme, children }: { initialTheme: Theme; children: React.ReactNode }) {
  const [theme, setOwnTheme] = useState(initialTheme);
  const isSystemDark = useMediaQuery(DARK_QUERY);

  useEffect(() => {
    const channel = new BroadcastChannel(CHANNEL);
    channel.onmessage = (event: MessageEvent<Theme>) => {
      setOwnTheme(event.data);
      show(event.data);
    };
    return () => channel.close();
  }, []);

  const setTheme = useCallback((chosen: Theme) => {
    document.cookie = themeCookie(chosen);
    setOwnTheme(chosen);
    show(chosen);
    const channel = new BroadcastChannel(CHANNEL);
    channel.postMessage(chosen);
    channel.close();
  }, []);

  const scheme = theme === "system" ? (isSystemDark ? "dark" : "light") : theme;
  const value = useMemo(() => ({ theme, scheme, setTheme }) as const, [theme, scheme, setTheme]);
  return <Context value={value}>{children}</Context>;
}

export function useTheme(): ThemeContext {
  const value = useContext(Context);
  if (value === null) throw new Error("useTheme needs a ThemeProvider above it");
  return value;
}
