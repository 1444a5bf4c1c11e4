/** The runs of one server under one workload, in one row. */

import type { RunResult } from "./generator/result.ts";

/** Of one processor: the generator was at its end, and the server was not. */
const FULL_SHARE = 0.9;
/**
 * Of one processor, used by others. More makes latencies and packets per second worthless, and CPU per packet too low for all who wait
 * for packets: while they wait for the processor, packets gather.
 */
const BUSY_SHARE = 0.1;

export interface Summary {
  readonly server: string;
  readonly runs: number;
  /** Medians; undefined where it cannot be measured. */
  readonly cpuMicroseconds: number | undefined;
  readonly unitsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly kbPerAllocation: number | undefined;
  readonly kbAfter: number | undefined;
  readonly generatorMicroseconds: number;
  /** Processors that the server had, of those that were there. */
  readonly serverShare: number;
  /** Of all runs together. */
  readonly lossPercent: number;
  readonly bad: number;
  readonly wire: string;
  /** In how many runs. */
  readonly generatorBound: number;
  readonly generatorLate: number;
  readonly machineBusy: number;
}

export function summarise(server: string, results: readonly RunResult[]): Summary {
  const middle = (pick: (result: RunResult) => number) => median(results.map(pick));
  const isKnown = results.every(({ serverMicrosecondsPerUnit }) => serverMicrosecondsPerUnit !== undefined);
  const isHold = results.every(({ kbPerAllocation }) => kbPerAllocation !== undefined);
  const sum = (pick: (result: RunResult) => number) =>
    results.reduce((total, result) => total + pick(result), 0);
  const sent = sum((result) => result.sent);
  return {
    server,
    runs: results.length,
    cpuMicroseconds:
      isKnown && !isHold ? middle((result) => result.serverMicrosecondsPerUnit ?? 0) : undefined,
    unitsPerSecond: middle((result) => result.unitsPerSecond),
    p50Ms: middle((result) => result.p50Ms),
    p99Ms: middle((result) => result.p99Ms),
    kbPerAllocation: isHold ? middle((result) => result.kbPerAllocation ?? 0) : undefined,
    kbAfter: isHold ? middle(kbAfter) : undefined,
    serverShare: middle((result) => result.serverShare),
    generatorMicroseconds: middle((result) => result.generatorMicrosecondsPerUnit),
    lossPercent: sent === 0 ? 0 : (100 * (sent - sum(({ units }) => units))) / sent,
    bad: sum((result) => result.bad),
    wire: results[0]?.wire ?? "",
    generatorBound: results.filter(isGeneratorBound).length,
    generatorLate: results.filter(({ late }) => late > 0).length,
    machineBusy: results.filter(isDisturbed).length,
  };
}

function isDisturbed({ otherShare }: RunResult): boolean {
  return otherShare > BUSY_SHARE;
}

/** The first undisturbed of so many runs; the least disturbed, where there is none. */
export async function leastDisturbed(run: () => Promise<RunResult>, tries: number): Promise<RunResult> {
  let best = await run();
  for (let i = 1; i < tries && isDisturbed(best); i++) {
    const next = await run();
    if (next.otherShare < best.otherShare) best = next;
  }
  return best;
}

function isGeneratorBound({ generatorShare, serverShare }: RunResult): boolean {
  return generatorShare > FULL_SHARE && serverShare < FULL_SHARE;
}

/** What is still there, per allocation, after all were given back. */
function kbAfter({ residentKb, units }: RunResult): number {
  const [before = 0, , after = 0] = residentKb;
  return units === 0 ? 0 : (after - before) / units;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[(sorted.length >> 1) - 1] ?? 0)) / 2;
}
