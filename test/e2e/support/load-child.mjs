/** Runs `load.ts` in a process of its own: what it costs to be the load is not the call's. */

import { runTypeScript } from "../../../scripts/run-typescript.mjs";

await runTypeScript("/test/e2e/support/load.ts", process.argv.slice(2));
