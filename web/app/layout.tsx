import "./globals.css";

import { GeistMono } from "geist/font/mono";
import { GeistSans } from "geist/font/sans";
import type { Metadata, Viewport } from "next";
import { cookies } from "next/headers";

import { parseTheme, THEME_COOKIE, themeClass } from "@/features/theme/theme";
import { ThemeProvider } from "@/features/theme/theme-provider";
import { cn } from "@/lib/utils";

export const metadata: Metadata = {
  title: { default: "Natter", template: "%s · Natter" },
  description: "A chat assistant that gets things done, and shows you how.",
};

export const viewport: Viewport = {
  colorScheme: "light dark",
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#fafbf9" },
    { media: "(prefers-color-scheme: dark)", color: "#0a0c0b" },
  ],
  // The composer stays above the keyboard of a phone.
  interactiveWidget: "resizes-content",
};

export default async function RootLayout({ children }: { children: React.ReactNode }) {
  const theme = parseTheme((await cookies()).get(THEME_COOKIE)?.value);
  return (
    // A change of theme in the browser edits this class behind React's back.
    <html lang="en" className={cn(GeistSans.variable, GeistMono.variable, themeClass(theme))} suppressHydrationWarning>
      <body className="min-h-dvh">
        <ThemeProvider initialTheme={theme}>{children}</ThemeProvider>
      </body>
    </html>
  );
}
