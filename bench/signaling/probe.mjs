/**
 * Loaded into every measured server with `--import`: answers over IPC what the process has used so far. `node --expose-gc`, so that
 * memory is what is held, not what waits to be collected.
 */

import { setTimeout as delay } from "node:timers/promises";

const SETTLE_MS = 200;

async function collect() {
  for (let i = 0; i < 2; i++) {
    globalThis.gc?.();
    await delay(SETTLE_MS);
  }
}

process.on("message", async (request) => {
  if (request?.probe === undefined) return;
  if (request.probe === "memory") await collect();
  const { user, system } = process.cpuUsage();
  const { heapUsed, external, rss } = process.memoryUsage();
  process.send?.({
    id: request.id,
    value: { cpuMicroseconds: user + system, heldBytes: heapUsed + external, rss },
  });
});
// The server ends as it would without being watched.
process.channel?.unref();
