// Builds the element into one ES module with its types, dist/chatkit.js and dist/chatkit.d.ts, and reports its size.
import { build } from "esbuild";
import { copyFile, readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

await build({
  entryPoints: ["src/chatkit.ts"],
  outfile: "dist/chatkit.js",
  bundle: true,
  format: "esm",
  target: ["es2022"],
  minify: true,
  sourcemap: "external",
  legalComments: "inline",
  loader: { ".css": "text" },
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
});

await copyFile("types/chatkit.d.ts", "dist/chatkit.d.ts");

const bytes = await readFile("dist/chatkit.js");
const kib = (size) => `${(size / 1024).toFixed(1)} KiB`;
console.log(`dist/chatkit.js ${kib(bytes.length)}, gzip ${kib(gzipSync(bytes).length)}`);
