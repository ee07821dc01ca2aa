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
  // No page has a picture that wants resizing, and `/_next/image` fetches what it is told to.
  images: { unoptimized: true },
  // proxy.ts decides by the path that was asked for: otherwise `/_next/data/…/api/…` is another name of the API.
  skipProxyUrlNormalize: true,
  headers: () =>
    Promise.resolve([
      { source: "/:path*", headers: [{ key: "X-Content-Type-Options", value: "nosniff" }] },
      // The address holds the file's hash (server/element-script.ts): another file has another address.
      {
        source: "/chatkit/:path*",
        has: [{ type: "query", key: "v" }],
        headers: [{ key: "Cache-Control", value: "public, max-age=31536000, immutable" }],
      },
    ]),
};

export default config;
