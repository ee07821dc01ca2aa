// Builds the element, dist/chatkit.js, with its types and the three modules that it loads when needed; reports the sizes.
import { build, transform } from "esbuild";
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

// Style sheets are text for the view, without blanks and comments.
const smallStyles = {
  name: "small-styles",
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true });
      return { contents: code, loader: "text" };
    }),
};

// Modules beside the main one, loaded when they are first needed, by an address that holds their hash.
const lazy = {
  MATH_MODULE: await buildLazy("math", "KaTeX (MIT)"),
  CHART_MODULE: await buildLazy("chart", "D3 (ISC)"),
  CODE_MODULE: await buildLazy("code", "lowlight and devlop (MIT), highlight.js (BSD-3-Clause)"),
};

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
    js: "/*! @natter/chatkit-element, Apache-2.0. Contains preact, marked and eventsource-parser (MIT) and lucide (ISC): LICENSES.txt */",
  },
  define: Object.fromEntries(Object.entries(lazy).map(([name, address]) => [name, JSON.stringify(address)])),
  plugins: [lexerAlone, smallStyles],
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
});

const drawing = ["d3-shape", "d3-scale", "d3-path", "d3-array", "d3-format", "d3-interpolate", "d3-color", "d3-time", "d3-time-format", "internmap"];
const bundled = ["preact", "marked", "lowlight", "devlop", "highlight.js", "lucide", "eventsource-parser", "katex", ...drawing];
const licenses = await Promise.all(bundled.map(async (name) => `${name}\n\n${await licenseOf(name)}`));
await writeFile("dist/LICENSES.txt", licenses.join(`\n${"-".repeat(80)}\n\n`));
await copyFile("types/chatkit.d.ts", "dist/chatkit.d.ts");

const kib = (size) => `${(size / 1024).toFixed(1)} KiB`;
for (const name of ["chatkit.js", "chatkit-chart.js", "chatkit-code.js", "chatkit-math.js"]) {
  const bytes = await readFile(`dist/${name}`);
  console.log(`dist/${name} ${kib(bytes.length)}, gzip ${kib(gzipSync(bytes).length)}`);
}

async function buildLazy(name, contents) {
  const file = `chatkit-${name}.js`;
  await build({
    entryPoints: [`src/${name}.ts`],
    outfile: `dist/${file}`,
    bundle: true,
    format: "esm",
    target: ["es2022"],
    minify: true,
    legalComments: "none",
    banner: { js: `/*! ${contents}: LICENSES.txt */` },
    logLevel: "warning",
  });
  const hash = createHash("sha256").update(await readFile(`dist/${file}`)).digest("hex");
  return `./${file}?v=${hash.slice(0, 16)}`;
}

async function licenseOf(name) {
  const files = await readdir(`node_modules/${name}`);
  const file = files.find((candidate) => /^licen[sc]e/i.test(candidate));
  return readFile(`node_modules/${name}/${file}`, "utf8");
}
