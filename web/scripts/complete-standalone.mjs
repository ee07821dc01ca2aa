// Next leaves static files out of `.next/standalone`, for a CDN to serve; our container serves them itself.
// Next also puts the source maps of its server there, which nobody should find in an image.
import { cpSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const web = join(import.meta.dirname, "..");
const standalone = join(web, ".next", "standalone");

cpSync(join(web, "public"), join(standalone, "public"), { recursive: true });
cpSync(join(web, ".next", "static"), join(standalone, ".next", "static"), { recursive: true });
for (const file of readdirSync(standalone, { recursive: true })) {
  if (file.endsWith(".map")) rmSync(join(standalone, file));
}
console.log("standalone server: node .next/standalone/server.js");
