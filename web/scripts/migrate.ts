/** `npm run migrate`: brings Better Auth's tables up to date and ends. */
import { migrate } from "../server/migrate";
import { readSettings } from "../server/settings";

const tables = await migrate(readSettings());
console.log(tables.length === 0 ? "auth tables are up to date" : `auth tables migrated: ${tables.join(", ")}`);
process.exit(0);
