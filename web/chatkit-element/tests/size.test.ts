// @vitest-environment node
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, test } from "vitest";

const GZIP_BYTES_MAX = 112 * 1024;
const bundle = readFileSync("dist/chatkit.js");

test("the module is at most 112 KiB gzip", () => {
  expect(gzipSync(bundle).length).toBeLessThanOrEqual(GZIP_BYTES_MAX);
});

test("the module imports nothing", async () => {
  const { metafile } = await build({ entryPoints: ["dist/chatkit.js"], bundle: true, write: false, metafile: true, format: "esm" });
  expect(Object.keys(metafile.inputs)).toEqual(["dist/chatkit.js"]);
  expect(metafile.inputs["dist/chatkit.js"]?.imports).toEqual([]);
});
