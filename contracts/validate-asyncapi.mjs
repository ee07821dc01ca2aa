// Validates an AsyncAPI document with AsyncAPI's own parser; prints each finding and exits 1 if one is an error.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const [path] = process.argv.slice(2);
const diagnostics = await new Parser().validate(await readFile(path, "utf8"));
const errors = diagnostics.filter((finding) => finding.severity === 0);
for (const finding of errors) console.error(`${finding.path.join(".")}: ${finding.message}`);
console.log(`${path}: ${errors.length} errors, ${diagnostics.length - errors.length} notes`);
process.exit(errors.length ? 1 : 0);
