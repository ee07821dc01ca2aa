import type { NextConfig } from "next";

const config: NextConfig = {
  // Pages for whoever works on the app (`page.dev.tsx`: the gallery of widgets) are in no build.
  pageExtensions: process.env.NODE_ENV === "development" ? ["tsx", "ts", "dev.tsx"] : ["tsx", "ts"],
  // `next start` serves the ordinary build; the container copies the standalone one.
  output: process.env.NATTER_STANDALONE === "1" ? "standalone" : undefined,
  // The repository above has lockfiles of its own: the root of tracing and of Turbopack is this folder.
  outputFileTracingRoot: import.meta.dirname,
  turbopack: { root: import.meta.dirname },
  poweredByHeader: false,
  reactStrictMode: true,
  devIndicators: false,
  serverExternalPackages: [
    "pg",
    "@opentelemetry/api",
    "@opentelemetry/exporter-trace-otlp-proto",
    "@opentelemetry/resources",
    "@opentelemetry/sdk-trace-base",
  ],
  // No page needs resized pictures, and `/_next/image` would fetch any address that it is given.
  images: { unoptimized: true },
  // proxy.ts has to see the path as requested: otherwise `/_next/data/…/api/…` would be another address of the API.
  skipProxyUrlNormalize: true,
  headers: () =>
    Promise.resolve([
      { source: "/:path*", headers: [{ key: "X-Content-Type-Options", value: "nosniff" }] },
      // The address contains the file's hash (server/element-script.ts), so a changed file has another address.
      {
        source: "/chatkit/:path*",
        has: [{ type: "query", key: "v" }],
        headers: [{ key: "Cache-Control", value: "public, max-age=31536000, immutable" }],
      },
    ]),
};

export default config;
