/** What the batched UDP engine does to the program that it runs in: its pool of threads, and its end. */

import { spawnSync } from "node:child_process";
import { platform } from "node:process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const CHILD = fileURLToPath(new URL("../support/engine-child.mjs", import.meta.url));
/** One wait of the engine takes a second; work that had to wait for it each time would take a minute. */
const ONE_WAIT_MS = 1000;
const SLACK_MS = 1500;

function runWithPool(threads: number) {
  const env = { ...process.env, UV_THREADPOOL_SIZE: String(threads) };
  const { status, stdout, stderr } = spawnSync(process.execPath, [CHILD], { encoding: "utf8", env });
  const endedMs = Date.now();
  const [, engine, why, tookMs, exitsMs] = stdout.match(/^(\w+) \((.*)\), (\d+) ms\nexits ([\d.]+)$/m) ?? [];
  return { status, stderr, engine, why, tookMs: Number(tookMs), exitMs: endedMs - Number(exitsMs) };
}

describe.runIf(platform === "linux")("a program with an engine", () => {
  test("reads files, resolves names and hashes beside it with two threads, and exits within one wait", () => {
    const { status, stderr, engine, tookMs, exitMs } = runWithPool(2);
    expect([status, stderr, engine]).toEqual([0, "", "batch"]);
    expect(tookMs).toBeLessThan(ONE_WAIT_MS);
    expect(exitMs).toBeLessThan(ONE_WAIT_MS + SLACK_MS);
  });

  test("keeps its only thread: dgram serves, and says why", () => {
    const { status, engine, why, tookMs, exitMs } = runWithPool(1);
    expect([status, engine]).toEqual([0, "dgram"]);
    expect(why).toContain("UV_THREADPOOL_SIZE leaves one for everything");
    expect(tookMs).toBeLessThan(ONE_WAIT_MS);
    expect(exitMs).toBeLessThan(SLACK_MS);
  });
});
