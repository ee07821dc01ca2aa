// Copies the types of the streams' frames, generated from contracts/, so that web/ can be built without the rest of the repository.
import { copyFileSync } from "node:fs";
import { join } from "node:path";

const web = join(import.meta.dirname, "..");
copyFileSync(join(web, "..", "contracts", "typescript", "natter.gen.ts"), join(web, "generated", "contracts.gen.ts"));
