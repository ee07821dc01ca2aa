// The types of what streams carry, generated from contracts/: copied, so that web/ can be built without the repository.
import { copyFileSync } from "node:fs";
import { join } from "node:path";

const web = join(import.meta.dirname, "..");
copyFileSync(join(web, "..", "contracts", "typescript", "natter.gen.ts"), join(web, "generated", "contracts.gen.ts"));
