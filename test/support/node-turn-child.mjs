/** Runs node-turn in a process of its own, because it can be made to crash. Ends with its parent. */

import { once } from "node:events";
import { createRequire } from "node:module";

const NodeTurn = createRequire(import.meta.url)("node-turn");
const config = JSON.parse(process.argv[2] ?? "{}");
const server = new NodeTurn({ ...config, debugLevel: "OFF" });
server.start();
await Promise.all(server.network.sockets.map((socket) => once(socket, "listening")));
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
