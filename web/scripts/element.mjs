// Builds `<openai-chatkit>` and puts it where the app serves it from. Called before `dev` and `build`.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const web = join(import.meta.dirname, "..");
const element = join(web, "chatkit-element");
const npm = process.platform === "win32" ? "npm.cmd" : "npm";

if (!existsSync(join(element, "node_modules"))) run("install", "--no-save", "--no-audit", "--no-fund");
run("run", "build");
mkdirSync(join(web, "public", "chatkit"), { recursive: true });
for (const name of ["chatkit.js", "chatkit-chart.js", "chatkit-code.js", "chatkit-math.js"])
  copyFileSync(join(element, "dist", name), join(web, "public", "chatkit", name));

function run(...args) {
  execFileSync(npm, args, { cwd: element, stdio: "inherit" });
}
