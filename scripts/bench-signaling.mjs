/** Our signaling, PeerJS's server, a socket.io relay and a bare one under the same load. The load and the relays run as plain JavaScript. */

import { compileBench } from "./compile-bench.mjs";
import { runTypeScript } from "./run-typescript.mjs";

process.exitCode = compileBench()
  ? await runTypeScript("/bench/signaling/main.ts", process.argv.slice(2))
  : 1;
