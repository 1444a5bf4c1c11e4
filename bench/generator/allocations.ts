/** Allocations themselves: "churn" makes and ends them over and over, "hold" keeps them and looks at the server's memory. */

import { setTimeout as delay } from "node:timers/promises";
import { openClients, PEER_IP, runSteps, SetupError, setUp } from "./clients.ts";
import { Histogram } from "./histogram.ts";
import { Meter, type Reading } from "./meter.ts";
import type { GeneratorOptions } from "./options.ts";
import { type RunResult, resultOf } from "./result.ts";
import type { Wire } from "./wire.ts";

/** Whole cycles: Allocate (401, then with credentials), CreatePermission, ChannelBind, Refresh(0). */
export async function runChurn(options: GeneratorOptions, wire: Wire): Promise<RunResult> {
  const clients = await openClients(options, wire);
  const peer = await wire.open(PEER_IP, () => undefined);
  const meter = new Meter(options.pid, wire);
  const latencies = new Histogram();
  const before = meter.residentKb();
  const startMs = performance.now() + options.warm * 1000;
  const endMs = startMs + options.secs * 1000;
  let cycles = 0;
  let failed = 0;
  let begun: Reading | undefined;
  let spent: Reading | undefined;
  const run = await runSteps(wire, clients, {
    steps: ["allocate", "permit", "bind", "free"],
    window: options.window,
    untilMs: endMs + 1,
    peerOf: () => peer.address,
    ended(fromMs, toMs, error) {
      if (begun === undefined && toMs >= startMs) begun = meter.read();
      else if (spent === undefined && begun !== undefined && toMs >= endMs) spent = meter.since(begun);
      if (toMs < startMs || toMs >= endMs) return;
      if (error !== 0) failed++;
      else {
        cycles++;
        latencies.add(toMs - fromMs);
      }
    },
  });
  if (begun === undefined) throw new SetupError("no cycle ended in time");
  spent ??= meter.since(begun);
  const loaded = meter.residentKb();
  await delay(options.settle * 1000);
  return resultOf(
    options,
    wire.name,
    {
      units: cycles,
      sent: cycles + failed,
      bad: 0,
      resent: clients.reduce((sum, { resent }) => sum + resent, 0),
      failures: run.failures,
      p50Ms: latencies.quantileMs(0.5),
      p99Ms: latencies.quantileMs(0.99),
      late: 0,
      residentKb: [before, loaded, meter.residentKb()],
    },
    spent,
  );
}

/** Resident memory: before, while all are held and nothing happens, after they were freed. */
export async function runHold(options: GeneratorOptions, wire: Wire): Promise<RunResult> {
  const clients = await openClients(options, wire);
  const meter = new Meter(options.pid, wire);
  const before = meter.residentKb();
  const { failures } = await runSteps(wire, clients, {
    steps: ["allocate"],
    window: options.window,
    peerOf: () => undefined,
  });
  await delay(options.warm * 1000);
  const begun = meter.read();
  await delay(options.secs * 1000);
  const spent = meter.since(begun);
  const held = clients.filter(({ relayed }) => relayed !== undefined);
  const heldKb = meter.residentKb();
  await setUp(wire, held, ["free"], () => undefined);
  await delay(options.settle * 1000);
  return resultOf(
    options,
    wire.name,
    {
      units: held.length,
      sent: clients.length,
      bad: 0,
      resent: clients.reduce((sum, { resent }) => sum + resent, 0),
      failures,
      p50Ms: 0,
      p99Ms: 0,
      late: 0,
      residentKb: [before, heldKb, meter.residentKb()],
    },
    spent,
  );
}
