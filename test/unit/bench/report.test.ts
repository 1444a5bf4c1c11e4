import { describe, expect, test } from "vitest";
import type { RunResult } from "../../../bench/generator/result.ts";
import { table } from "../../../bench/report.ts";
import { leastDisturbed, median, summarise } from "../../../bench/summary.ts";
import { WORKLOADS, type Workload } from "../../../bench/workloads.ts";

const RUN: RunResult = {
  mode: "both",
  allocs: 1,
  wire: "batch",
  units: 1000,
  unitsPerSecond: 500,
  sent: 1000,
  lossPercent: 0,
  bad: 0,
  resent: 0,
  failures: {},
  p50Ms: 1,
  p99Ms: 2,
  serverMicrosecondsPerUnit: 8,
  generatorMicrosecondsPerUnit: 4,
  serverShare: 1,
  generatorShare: 0.5,
  otherShare: 0,
  late: 0,
  kbPerAllocation: undefined,
  residentKb: [],
};

function workload(wanted: string): Workload {
  const found = WORKLOADS.find(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`no workload ${wanted}`);
  return found;
}

function cellsOf(text: string): string[][] {
  const rows = text.split("\n").filter((line) => line.startsWith("| "));
  return rows.map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe("the table of a workload", () => {
  test("has medians, and their ratio to coturn's", () => {
    const ours = [6, 2, 4].map((cpu) => ({ ...RUN, serverMicrosecondsPerUnit: cpu }));
    const rows = [summarise("turnpike batch", ours), summarise("coturn", [RUN, RUN])];
    const [head, first, second] = cellsOf(table(workload("one"), rows));
    expect(head?.slice(0, 5)).toEqual(["server", "CPU µs/packet", "÷ coturn", "CPUs", "packets/s"]);
    expect(first?.slice(0, 5)).toEqual(["turnpike batch", "4.00", "0.50", "1.00", "500"]);
    expect(second?.slice(0, 5)).toEqual(["coturn", "8.00", "1.00", "1.00", "500"]);
  });

  test("has no ratio where coturn is not installed, and no CPU where it cannot be measured", () => {
    const unknown = { ...RUN, serverMicrosecondsPerUnit: undefined };
    const [, row] = cellsOf(table(workload("one"), [summarise("turnpike dgram", [unknown])]));
    expect(row?.slice(0, 5)).toEqual(["turnpike dgram", "–", "–", "1.00", "500"]);
  });

  test("counts the losses of all runs", () => {
    const [, row] = cellsOf(table(workload("one"), [summarise("coturn", [RUN, { ...RUN, units: 990 }])]));
    expect(row?.[7]).toBe("0.500");
  });

  test("says in how many runs the generator or others were in the way", () => {
    const runs = [
      RUN,
      { ...RUN, generatorShare: 0.99, serverShare: 0.5 },
      { ...RUN, otherShare: 0.4 },
      { ...RUN, late: 1, bad: 3, wire: "dgram (no koffi)" },
    ];
    const [, row] = cellsOf(table(workload("one"), [summarise("coturn", runs)]));
    expect(row?.at(-1)).toBe("generator bound 1/4, generator late 1/4, machine busy 1/4, 3 wrong packets");
    const [, portable] = cellsOf(table(workload("one"), [summarise("coturn", runs.slice(3))]));
    expect(portable?.at(-1)).toContain("generator over dgram");
  });

  test("a server that is at its end is not held back by the generator", () => {
    const run = { ...RUN, generatorShare: 0.99, serverShare: 0.99 };
    expect(summarise("coturn", [run]).generatorBound).toBe(0);
  });

  test("of idle allocations has their memory, and what is left of it", () => {
    const hold = {
      ...RUN,
      mode: "hold" as const,
      units: 100,
      kbPerAllocation: 5,
      residentKb: [1000, 1500, 1200],
    };
    const [head, row] = cellsOf(table(workload("hold"), [summarise("coturn", [hold])]));
    expect(head?.slice(1, 4)).toEqual(["KB/allocation", "÷ coturn", "KB after"]);
    expect(row?.slice(1, 4)).toEqual(["5.0", "1.00", "2.0"]);
  });
});

test.each([
  [[3, 1, 2], 2],
  [[4, 1, 2, 3], 2.5],
  [[], 0],
])("the median of %j is %d", (values, expected) => {
  expect(median(values)).toBe(expected);
});

describe("a run that others disturb", () => {
  function runner(...shares: readonly number[]) {
    const left = shares.map((otherShare) => ({ ...RUN, otherShare }));
    return { left, run: async () => left.shift() ?? RUN };
  }

  test("is made again until one is undisturbed", async () => {
    const { left, run } = runner(0.9, 0.05, 0);
    expect((await leastDisturbed(run, 3)).otherShare).toBe(0.05);
    expect(left).toHaveLength(1);
  });

  test("and the best of them counts where all are disturbed", async () => {
    const { left, run } = runner(0.9, 0.3, 0.7, 0);
    expect((await leastDisturbed(run, 3)).otherShare).toBe(0.3);
    expect(left).toHaveLength(1);
  });
});
