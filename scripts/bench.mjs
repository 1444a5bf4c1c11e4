/** Ours, node-turn and coturn under the same load. The generator runs as plain JavaScript, in a process of its own. */

import { compileBench } from "./compile-bench.mjs";
import { runTypeScript } from "./run-typescript.mjs";

process.exitCode = compileBench() ? await runTypeScript("/bench/main.ts", process.argv.slice(2)) : 1;
