import type { NextConfig } from "next";

const config: NextConfig = {
  // `next start` serves the ordinary build; the container copies the standalone one.
  output: process.env.NATTER_STANDALONE === "1" ? "standalone" : undefined,
  // The repository above has lockfiles of its own: the root of tracing and of Turbopack is this folder.
  outputFileTracingRoot: import.meta.dirname,
  turbopack: { root: import.meta.dirname },
  poweredByHeader: false,
  reactStrictMode: true,
  devIndicators: false,
  serverExternalPackages: ["pg"],
};

export default config;
