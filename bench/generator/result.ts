/** What one run of the generator prints, as one line of JSON. */

import type { Reading } from "./meter.ts";
import type { GeneratorOptions, Mode } from "./options.ts";

export interface RunResult {
  readonly mode: Mode;
  readonly allocs: number;
  /** What carried the generator's packets. */
  readonly wire: string;
  /** What came out of the server: packets that arrived, answers, cycles; allocations held. */
  readonly units: number;
  readonly unitsPerSecond: number;
  readonly sent: number;
  readonly lossPercent: number;
  /** Packets that were not what was expected. */
  readonly bad: number;
  /** Requests sent again, and those that failed by STUN error code or "timeout". */
  readonly resent: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Undefined: not measured here. */
  readonly serverMicrosecondsPerUnit: number | undefined;
  readonly generatorMicrosecondsPerUnit: number;
  /** Shares of one processor. */
  readonly serverShare: number;
  readonly generatorShare: number;
  /** Neither server nor generator. */
  readonly otherShare: number;
  /** How often the generator fell behind by 50 ms and sent less than it should. */
  readonly late: number;
  readonly kbPerAllocation: number | undefined;
  readonly residentKb: readonly number[];
}

export interface Counted {
  readonly units: number;
  readonly sent: number;
  readonly bad: number;
  readonly resent: number;
  readonly failures: ReadonlyMap<string, number>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly late: number;
  readonly residentKb: readonly number[];
}

/** `spent`: while the units were counted. */
export function resultOf(
  options: GeneratorOptions,
  wire: string,
  counted: Counted,
  spent: Reading,
): RunResult {
  const { units, sent, failures, residentKb } = counted;
  const perUnit = (ms: number) => (units === 0 ? 0 : (ms * 1000) / units);
  const isHold = options.mode === "hold";
  const [before = 0, held = 0] = residentKb;
  // It asks all the time whether there is something to do; what it uses for that is not the packets'. Over streams it cannot be told apart.
  const workShare = options.transport === "udp" ? spent.workMs / spent.atMs : 1;
  const generatorMs = spent.ownMs * workShare;
  return {
    ...counted,
    mode: options.mode,
    allocs: options.allocs,
    wire,
    unitsPerSecond: (units * 1000) / spent.atMs,
    lossPercent: sent === 0 ? 0 : (100 * (sent - units)) / sent,
    failures: Object.fromEntries(failures),
    serverMicrosecondsPerUnit: options.pid === undefined ? undefined : perUnit(spent.serverMs),
    generatorMicrosecondsPerUnit: perUnit(generatorMs),
    serverShare: spent.serverMs / spent.atMs,
    generatorShare: generatorMs / spent.atMs,
    otherShare: Math.max(0, (spent.machineMs - spent.serverMs - spent.ownMs) / spent.atMs),
    kbPerAllocation: isHold && options.pid !== undefined ? (held - before) / Math.max(1, units) : undefined,
  };
}
