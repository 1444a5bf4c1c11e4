/** The faults of node-turn and stun, live beside ours. */

import { runTypeScript } from "./run-typescript.mjs";

process.exitCode = (await runTypeScript("/test/named-packages/main.ts")) ? 0 : 1;
