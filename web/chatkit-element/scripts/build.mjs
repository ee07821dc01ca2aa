// Builds the element into one ES module with its types, dist/chatkit.js and dist/chatkit.d.ts, and reports its size.
import { build } from "esbuild";
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

// marked's module ends by making what renders HTML, which the element never does (README, Safety). Bundlers must keep
// that, because it has effects; with the lexer as the only export, parser and renderers fall away.
const RENDERING = /var (\w+)=new \w+;function \w+\(\w+,\w+\)\{return \1\.parse\(.*export\{.*?(\w+ as Lexer).*\};/s;
const lexerAlone = {
  name: "lexer-alone",
  setup: ({ onLoad }) =>
    onLoad({ filter: /marked\.esm\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      if (!RENDERING.test(source)) throw new Error("marked is built differently now: look at its last lines");
      return { contents: source.replace(RENDERING, "export{$2};") };
    }),
};

await build({
  entryPoints: ["src/math.ts"],
  outfile: "dist/chatkit-math.js",
  bundle: true,
  format: "esm",
  target: ["es2022"],
  minify: true,
  legalComments: "none",
  banner: { js: "/*! KaTeX (MIT): LICENSES.txt */" },
  logLevel: "warning",
});
const mathVersion = createHash("sha256").update(await readFile("dist/chatkit-math.js")).digest("hex").slice(0, 16);

await build({
  entryPoints: ["src/chatkit.ts"],
  outfile: "dist/chatkit.js",
  bundle: true,
  format: "esm",
  target: ["es2022"],
  minify: true,
  sourcemap: "external",
  legalComments: "none", // said once, in the banner, instead of at each of several hundred icons
  banner: {
    js: "/*! @natter/chatkit-element, Apache-2.0. Contains preact, marked, lowlight, devlop and eventsource-parser (MIT), highlight.js (BSD-3-Clause) and lucide (ISC): LICENSES.txt */",
  },
  define: { MATH_MODULE: JSON.stringify(`./chatkit-math.js?v=${mathVersion}`) },
  loader: { ".css": "text" },
  plugins: [lexerAlone],
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
});

const bundled = ["preact", "marked", "lowlight", "devlop", "highlight.js", "lucide", "eventsource-parser", "katex"];
const licenses = await Promise.all(bundled.map(async (name) => `${name}\n\n${await licenseOf(name)}`));
await writeFile("dist/LICENSES.txt", licenses.join(`\n${"-".repeat(80)}\n\n`));
await copyFile("types/chatkit.d.ts", "dist/chatkit.d.ts");

const kib = (size) => `${(size / 1024).toFixed(1)} KiB`;
for (const name of ["chatkit.js", "chatkit-math.js"]) {
  const bytes = await readFile(`dist/${name}`);
  console.log(`dist/${name} ${kib(bytes.length)}, gzip ${kib(gzipSync(bytes).length)}`);
}

async function licenseOf(name) {
  const files = await readdir(`node_modules/${name}`);
  const file = files.find((candidate) => /^licen[sc]e/i.test(candidate));
  return readFile(`node_modules/${name}/${file}`, "utf8");
}
