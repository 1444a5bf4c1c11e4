import { expect, test } from "vitest";
import { GatherDelay } from "../../../src/net/udp-batch/gather-delay.ts";

/** The pace after a second with rounds of this size, at this rate, and one more round. */
function paceAt(
  packetsPerSecond: number,
  perRound: number,
  lastRound = perRound,
): ReturnType<GatherDelay["pace"]> {
  const gather = new GatherDelay();
  for (let nowMs = 1; nowMs <= 1000; nowMs++) {
    const due =
      Math.floor((packetsPerSecond * nowMs) / 1000) - Math.floor((packetsPerSecond * (nowMs - 1)) / 1000);
    for (let left = due; left > 0; left -= perRound) gather.count(Math.min(left, perRound));
    gather.pace(nowMs);
  }
  gather.count(lastRound);
  return gather.pace(1000);
}

test.each([
  [500, 1],
  [1900, 1],
])("%i packets a second, %i a round: each is read as it comes", (rate, perRound) => {
  expect(paceAt(rate, perRound)).toBe(0);
  expect(paceAt(rate, perRound, 0)).toBe("wait");
});

test.each([
  [2500, 1, 600],
  [5000, 1, 600],
  [10_000, 2, 300],
  [20_000, 4, 250],
])("%i packets a second, %i a round: they gather for %i µs", (rate, perRound, microseconds) => {
  expect(paceAt(rate, perRound)).toBe(microseconds);
  expect(paceAt(rate, perRound, 0)).toBe(microseconds);
});

test("a round that was large needs no delay, one that found nothing after it does", () => {
  expect(paceAt(40_000, 40)).toBe(0);
  expect(paceAt(40_000, 40, 0)).toBe(250);
});

test("after a pause nobody waits", () => {
  const gather = new GatherDelay();
  for (let i = 0; i < 1000; i++) gather.count(1);
  expect(gather.pace(200)).toBe(600);
  gather.count(0);
  expect(gather.pace(1000)).toBe("wait");
});
