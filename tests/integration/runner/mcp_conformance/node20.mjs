// The suite imports `globSync` of `fs`, which Node has since version 22, for a command that is not used here
// (`tier-check`). Node 20 refuses the whole program for it. Preloaded with `node --import`, this hands the suite, and
// nothing else, the `fs` of Node 20 with that one name added; on Node 22 it does nothing.
import * as fs from "node:fs";
import { register } from "node:module";

const file = (source) => `data:text/javascript,${encodeURIComponent(source)}`;

const withGlobSync = file(`
export * from "node:fs";
export const globSync = () => { throw new Error("fs.globSync needs Node 22"); };
`);

const hooks = file(`
export const resolve = (specifier, context, next) =>
  specifier === "fs" && context.parentURL?.includes("/@modelcontextprotocol/conformance/")
    ? { url: ${JSON.stringify(withGlobSync)}, shortCircuit: true }
    : next(specifier, context);
`);

if (!("globSync" in fs)) register(hooks);
