/** What the batched UDP engine does to the program that it runs in: its pool of threads, and its end. */

import { spawnSync } from "node:child_process";
import { platform } from "node:process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const CHILD = fileURLToPath(new URL("../support/engine-child.mjs", import.meta.url));
/** A thread that waits for packets waits for as long, where nobody wakes it. */
const ONE_WAIT_MS = 1000;

describe.runIf(platform === "linux")("a program with an engine", () => {
  test("has its pool of threads for itself, and exits at once", () => {
    const env = { ...process.env, UV_THREADPOOL_SIZE: "1" };
    const { status, stdout, stderr } = spawnSync(process.execPath, [CHILD], { encoding: "utf8", env });
    const endedMs = Date.now();
    const [, engine, tookMs, exitsMs] = stdout.match(/^(\w+) \(.*\), (\d+) ms\nexits ([\d.]+)$/m) ?? [];
    expect([status, stderr, engine]).toEqual([0, "", "batch"]);
    expect(Number(tookMs)).toBeLessThan(ONE_WAIT_MS);
    expect(endedMs - Number(exitsMs)).toBeLessThan(ONE_WAIT_MS);
  });
});
