/** CPU and memory, from /proc. On systems without it there is only the generator's own. */

import { readdirSync, readFileSync } from "node:fs";
import type { Wire } from "./wire.ts";

/** What /proc/stat counts in, on every Linux that is about. */
const MS_PER_TICK = 10;

/** CPU milliseconds since some beginning. */
export interface Reading {
  readonly atMs: number;
  /** All threads of the server. */
  readonly serverMs: number;
  /** This process. */
  readonly ownMs: number;
  /** Not CPU: how long it had packets. */
  readonly workMs: number;
  /** All processors, whoever used them; time that the host took counts. */
  readonly machineMs: number;
}

export class Meter {
  readonly #pid: number | undefined;
  readonly #wire: Wire;

  /** `pid`: of the server itself; undefined: not known, or no /proc here. */
  constructor(pid: number | undefined, wire: Wire) {
    this.#pid = pid;
    this.#wire = wire;
  }

  read(): Reading {
    const own = process.cpuUsage();
    return {
      atMs: performance.now(),
      serverMs: this.#pid === undefined ? 0 : processCpuMs(this.#pid),
      ownMs: (own.user + own.system) / 1000,
      workMs: this.#wire.workMs,
      machineMs: this.#pid === undefined ? 0 : machineCpuMs(),
    };
  }

  since(start: Reading): Reading {
    const end = this.read();
    return {
      atMs: end.atMs - start.atMs,
      serverMs: end.serverMs - start.serverMs,
      ownMs: end.ownMs - start.ownMs,
      workMs: end.workMs - start.workMs,
      machineMs: end.machineMs - start.machineMs,
    };
  }

  /** Resident memory of the server; 0: not known. */
  residentKb(): number {
    if (this.#pid === undefined) return 0;
    const status = readFileSync(`/proc/${this.#pid}/status`, "utf8");
    return Number(status.match(/^VmRSS:\s+(\d+) kB$/m)?.[1] ?? 0);
  }
}

/** The first number of schedstat is what a thread has run, in nanoseconds. */
function processCpuMs(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`))
    nanoseconds += Number.parseInt(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8"), 10);
  return nanoseconds / 1e6;
}

function machineCpuMs(): number {
  const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n", 1);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * MS_PER_TICK;
}
