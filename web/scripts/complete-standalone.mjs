// Next leaves static files out of `.next/standalone`, for a CDN to serve; our container serves them itself.
import { cpSync } from "node:fs";
import { join } from "node:path";

const web = join(import.meta.dirname, "..");
const standalone = join(web, ".next", "standalone");

cpSync(join(web, "public"), join(standalone, "public"), { recursive: true });
cpSync(join(web, ".next", "static"), join(standalone, ".next", "static"), { recursive: true });
console.log("standalone server: node .next/standalone/server.js");
