import { expect, test } from "vitest";
import { GatherDelay } from "../../../src/net/udp-batch/gather-delay.ts";

/** Whether packets gather after a second with rounds of this size, at this rate. */
function isDueAt(packetsPerSecond: number, perRound: number): boolean {
  const gather = new GatherDelay();
  let isDue = false;
  for (let nowMs = 0; nowMs <= 1000; nowMs++) {
    const packets =
      Math.floor((packetsPerSecond * nowMs) / 1000) - Math.floor((packetsPerSecond * (nowMs - 1)) / 1000);
    for (let left = packets; left > 0; left -= perRound) gather.count(Math.min(left, perRound));
    isDue = gather.isDue(nowMs);
  }
  return isDue;
}

test.each([
  [0, 1, false],
  [500, 1, false],
  [1900, 1, false],
  [3000, 1, true],
  [20_000, 4, true],
])("%i packets a second, %i a round: %s", (rate, perRound, isDue) => {
  expect(isDueAt(rate, perRound)).toBe(isDue);
});

test("a round that was large needs no delay", () => {
  expect(isDueAt(40_000, 40)).toBe(false);
});

test("after a pause nobody waits", () => {
  const gather = new GatherDelay();
  for (let i = 0; i < 1000; i++) gather.count(1);
  expect(gather.isDue(200)).toBe(true);
  expect(gather.isDue(1000)).toBe(false);
});
