import { expect, test } from "vitest";
import type { JoinTimes } from "../../../bench/join-load.ts";
import { type Slice, verdict } from "../../../bench/soak.ts";

const MIB = 1024 * 1024;

function joins(p99Ms: number): JoinTimes {
  return { joins: 100, failed: 0, p50Ms: p99Ms / 2, p99Ms };
}

function slice(residentMb: number, p99Ms: number): Slice {
  return {
    joins: joins(p99Ms),
    memory: [{ resident: residentMb * MIB, heap: MIB }],
    relay: { unitsPerSecond: 1000, lossPercent: 0, serverShare: 1, otherShare: 0 } as Slice["relay"],
  };
}

test("the verdict leaves out the first minute of memory, and takes the median of the joins", () => {
  const slices = [slice(10, 9), slice(100, 6), slice(100, 8), slice(150, 8), slice(150, 300)];
  expect(verdict(slices, joins(4), joins(8)).split("\n")).toEqual([
    "resident memory, later half of the minutes to the earlier: 150.0 to 100.0 MB, 1.50",
    "p99 of a join, median of the minutes: 8.0 ms, 2.0 times that with the relay idle, 1.0 times that beside an idle relay and a busy generator",
  ]);
});

test("one minute is compared with itself", () => {
  expect(verdict([slice(100, 8)], joins(4), joins(8))).toContain("100.0 to 100.0 MB, 1.00");
});
