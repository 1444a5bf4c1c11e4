/** A program that has an engine open and goes on with its own work, which needs the pool of threads too. */

import { pbkdf2 } from "node:crypto";
import { lookup } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { openUdpEngine } from "../../src/net/udp-engine.ts";

const hash = promisify(pbkdf2);
/** Each waits for a thread several times. */
const TIMES = 20;

export async function main(): Promise<void> {
  const engine = await openUdpEngine("auto", (error) => {
    throw error;
  });
  const startedMs = performance.now();
  for (let i = 0; i < TIMES; i++) {
    await readFile(new URL(import.meta.url));
    await lookup("localhost");
    await hash("password", "salt", 1000, 32, "sha256");
  }
  const tookMs = Math.round(performance.now() - startedMs);
  process.stdout.write(`${engine.name} (${engine.why}), ${tookMs} ms\n`);
}
