/** Our signaling with very many rooms in one process. */

import { compileBench } from "./compile-bench.mjs";
import { runTypeScript } from "./run-typescript.mjs";

process.exitCode = compileBench()
  ? await runTypeScript("/bench/signaling/rooms-main.ts", process.argv.slice(2))
  : 1;
