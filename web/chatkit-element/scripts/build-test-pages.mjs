// Builds what the browser tests load beside the element: pages with the real React wrapper, and axe.
import { build } from "esbuild";
import { copyFile } from "node:fs/promises";

const versions = { 18: { react: "react-18", "react-dom": "react-dom-18" }, 19: {} };

for (const [version, alias] of Object.entries(versions))
  await build({
    entryPoints: ["tests/pages/react-app.jsx"],
    outfile: `dist-test/react-${version}.js`,
    bundle: true,
    format: "esm",
    jsx: "automatic",
    jsxImportSource: "react",
    tsconfigRaw: {}, // the package's own tsconfig says preact
    alias,
    define: { "process.env.NODE_ENV": '"development"' },
    logLevel: "warning",
  });
await copyFile("node_modules/axe-core/axe.min.js", "dist-test/axe.min.js");
