/** Threads have clocks that count the same seconds from different starts; the machine's is the one that they share. */

import { hrtime } from "node:process";
import type { MonotonicClock } from "../../turn/ports.ts";

/** A thread may be stopped between two looks: of so many pairs the closest is taken. */
const LOOKS = 8;

function machineMs(): number {
  return Number(hrtime.bigint()) / 1e6;
}

/** How far a clock is ahead of the machine's, in milliseconds. */
export function aheadOfMachineMs(clock: MonotonicClock, machine: MonotonicClock = machineMs): number {
  let closestMs = Number.POSITIVE_INFINITY;
  let aheadMs = 0;
  for (let i = 0; i < LOOKS; i++) {
    const beforeMs = machine();
    const nowMs = clock();
    const tookMs = machine() - beforeMs;
    if (tookMs >= closestMs) continue;
    closestMs = tookMs;
    aheadMs = nowMs - beforeMs - tookMs / 2;
  }
  return aheadMs;
}
