import { expect, test } from "vitest";
import { aheadOfMachineMs } from "../../../src/net/udp-batch/machine-clock.ts";

/** Looks at a clock that is 5,000 ms ahead; before each look so much time goes by. */
function looks(...pausesMs: readonly number[]): number {
  let nowMs = 1000;
  let count = 0;
  const look = (aheadMs: number) => () => {
    nowMs += pausesMs[count++ % pausesMs.length] ?? 0;
    return nowMs + aheadMs;
  };
  return aheadOfMachineMs(look(5000), look(0));
}

test("a clock is as far ahead as it is", () => {
  expect(looks(0)).toBe(5000);
  expect(
    aheadOfMachineMs(
      () => 7,
      () => 10,
    ),
  ).toBe(-3);
});

test("a pause between two looks does not count, if there are two without one", () => {
  // Looks come in threes: at the machine's, at the clock, at the machine's.
  expect(looks(0, 400, 0, 0, 0, 400, 0, 0, 0)).toBe(5000);
});

test("two clocks of this thread are as far from each other as they say", () => {
  const [one, other] = [() => performance.now(), () => performance.now() + 100];
  expect(aheadOfMachineMs(other) - aheadOfMachineMs(one)).toBeCloseTo(100, 0);
});
