/** The load generator against a server in this process: what it counts is what was relayed. */

import { afterEach, describe, expect, test } from "vitest";
import { SetupError } from "../../bench/generator/clients.ts";
import { openWire } from "../../bench/generator/open-wire.ts";
import { type GeneratorOptions, type Mode, parseOptions } from "../../bench/generator/options.ts";
import type { RunResult } from "../../bench/generator/result.ts";
import { run } from "../../bench/generator/run.ts";
import { createServer } from "../../src/server.ts";
import { testConfig } from "../support/test-config.ts";

const USER = { name: "bench", password: "bench" };
/** Of each kind of data run. */
const ALLOCATIONS = 4;
const PACKETS_PER_SECOND = 100;
const SECONDS = 0.2;
const FLAGS = ["--secs", String(SECONDS), "--warm", "0.05", "--settle", "0"];
const ENGINES: readonly GeneratorOptions["engine"][] = ["auto", "dgram"];

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function generate(
  engine: GeneratorOptions["engine"],
  mode: Mode,
  ...flags: readonly string[]
): Promise<RunResult> {
  const server = createServer(testConfig({ dev: true, users: [USER] }));
  cleanups.push(() => server.close());
  const { turn } = await server.start();
  const options = parseOptions([
    ...["--server", `127.0.0.1:${turn[0]?.port}`, "--user", USER.name, "--pass", USER.password],
    ...["--mode", mode, "--pid", String(process.pid), ...FLAGS, ...flags],
  ]);
  const wire = await openWire(engine);
  cleanups.push(() => wire.close());
  return run(options, wire);
}

describe.each(ENGINES)("over the engine %j", (engine) => {
  test.each([
    ["both", 2 * ALLOCATIONS],
    ["pair", ALLOCATIONS],
  ] as const)("%s: every packet that was sent at its time arrives, and no other", async (mode, flows) => {
    const flags = ["--allocs", String(ALLOCATIONS), "--pps", String(PACKETS_PER_SECOND)];
    const result = await generate(engine, mode, ...flags);
    const planned = flows * PACKETS_PER_SECOND * SECONDS;
    expect(result).toMatchObject({ units: result.sent, bad: 0, lossPercent: 0, failures: {} });
    expect(result.sent).toBeGreaterThan(0);
    expect(result.sent).toBeLessThanOrEqual(planned + flows);
    expect(result.p99Ms).toBeGreaterThanOrEqual(result.p50Ms);
    expect(result.p50Ms).toBeGreaterThan(0);
  });

  test("clients over TCP: every packet arrives, the odd sizes too", async () => {
    const flags = [
      "--transport",
      "tcp",
      "--allocs",
      String(ALLOCATIONS),
      "--pps",
      String(PACKETS_PER_SECOND),
    ];
    const result = await generate(engine, "both", ...flags, "--size", "173");
    expect(result).toMatchObject({ units: result.sent, bad: 0, lossPercent: 0, failures: {} });
    expect(result.sent).toBeGreaterThan(0);
  });

  test("saturating: what is in flight is the window, and what arrives is sent anew", async () => {
    const window = 16;
    const result = await generate(engine, "both", "--pps", "0", "--window", String(window));
    expect(result).toMatchObject({ units: result.sent, bad: 0 });
    expect(result.units).toBeGreaterThan(4 * window);
  });

  test("indications in the place of ChannelData", async () => {
    const result = await generate(engine, "both", "--indications", "--allocs", String(ALLOCATIONS));
    expect(result).toMatchObject({ units: result.sent, bad: 0 });
    expect(result.units).toBeGreaterThan(0);
  });

  test("Binding requests are answered with the socket's own address", async () => {
    const result = await generate(engine, "binding", "--pps", "0", "--allocs", String(ALLOCATIONS));
    expect(result).toMatchObject({ units: result.sent, bad: 0 });
    expect(result.units).toBeGreaterThan(0);
  });

  test("whole cycles of allocations, and none is left behind", async () => {
    const result = await generate(engine, "churn", "--allocs", "32", "--window", String(ALLOCATIONS));
    expect(result).toMatchObject({ failures: {}, lossPercent: 0 });
    expect(result.units).toBeGreaterThan(ALLOCATIONS);
  });

  test("allocations that are held, and freed", async () => {
    const result = await generate(engine, "hold", "--allocs", String(ALLOCATIONS));
    expect(result).toMatchObject({ units: ALLOCATIONS, failures: {} });
    expect(result.residentKb).toHaveLength(3);
  });
});

test.each(["up", "down"] as const)("%s: packets go one way only", async (mode) => {
  const result = await generate("auto", mode, "--pps", String(PACKETS_PER_SECOND));
  expect(result).toMatchObject({ units: result.sent, bad: 0 });
  expect(result.sent).toBeGreaterThan(0);
  expect(result.sent).toBeLessThanOrEqual(PACKETS_PER_SECOND * SECONDS + 1);
});

test("a server that refuses the credentials ends the run with its error code", async () => {
  await expect(generate("auto", "both", "--pass", "wrong")).rejects.toThrow(SetupError);
  await expect(generate("auto", "both", "--pass", "wrong")).rejects.toThrow('{"401":1}');
  expect((await generate("auto", "both")).bad).toBe(0);
});

test("where the batched engine cannot be had the generator says why it is dgram", async () => {
  const reason = "the package koffi does not load: nowhere";
  const wire = await openWire("auto", async () => ({ ok: false, reason }));
  cleanups.push(() => wire.close());
  expect(wire.name).toBe(`dgram (${reason})`);
});
