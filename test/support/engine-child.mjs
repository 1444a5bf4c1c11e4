/** Runs `engine-program.ts` in a process of its own. */

import { runTypeScript } from "../../scripts/run-typescript.mjs";

await runTypeScript("/test/support/engine-program.ts");
// A thread waits for packets now; `process.exit` joins it.
process.stdout.write(`exits ${performance.timeOrigin + performance.now()}\n`);
process.exit(0);
