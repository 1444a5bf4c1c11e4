/** Runs `path-scenario.ts` in a process of its own, on a machine of a lab. */

import { runTypeScript } from "../../../scripts/run-typescript.mjs";

await runTypeScript("/test/e2e/support/path-scenario.ts", process.argv.slice(2));
// vitest's Vite keeps the process.
process.exit(0);
