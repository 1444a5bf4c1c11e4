import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FlushSchedule } from "../../../src/net/flush-schedule.ts";

/** Longer than anything that may be called soon. */
const A_WHILE_MS = 100;

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

/** Behind what was asked for before. */
function endOfTick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

function countingLink() {
  return {
    soonPeriod: -1,
    flushes: 0,
    flush() {
      this.flushes++;
    },
  };
}

test("at the end of the tick every link is flushed, and not before", async () => {
  const schedule = new FlushSchedule();
  const links = [countingLink(), countingLink()];
  for (const link of links) schedule.atEndOfTick(link);
  expect(links.map(({ flushes }) => flushes)).toEqual([0, 0]);
  await endOfTick();
  expect(links.map(({ flushes }) => flushes)).toEqual([1, 1]);
  expect(vi.getTimerCount()).toBe(0);
});

test("soon is after a moment, with one timer for all, and again after that", async () => {
  const schedule = new FlushSchedule();
  const links = [countingLink(), countingLink()];
  for (let round = 1; round <= 2; round++) {
    for (const link of links) schedule.soon(link);
    expect(vi.getTimerCount()).toBe(1);
    await endOfTick();
    expect(links.map(({ flushes }) => flushes)).toEqual([round - 1, round - 1]);
    vi.advanceTimersByTime(A_WHILE_MS);
    expect(links.map(({ flushes }) => flushes)).toEqual([round, round]);
  }
  expect(vi.getTimerCount()).toBe(0);
});

test("a link that has sent meanwhile, and waits again, gets its full time", () => {
  const schedule = new FlushSchedule();
  const [link, other] = [countingLink(), countingLink()];
  schedule.soon(link);
  schedule.soon(other);
  vi.advanceTimersToNextTimer();
  schedule.soon(link);
  vi.advanceTimersToNextTimer();
  expect([link.flushes, other.flushes]).toEqual([0, 1]);
  vi.advanceTimersToNextTimer();
  expect([link.flushes, other.flushes]).toEqual([1, 1]);
  expect(vi.getTimerCount()).toBe(0);
});

test("flush leaves nothing to wait for, and no timer", async () => {
  const schedule = new FlushSchedule();
  const [now, soon] = [countingLink(), countingLink()];
  schedule.atEndOfTick(now);
  schedule.soon(soon);
  schedule.flush();
  expect([now.flushes, soon.flushes]).toEqual([1, 1]);
  expect(vi.getTimerCount()).toBe(0);
  await endOfTick();
  expect(now.flushes).toBe(1);
  schedule.soon(soon);
  vi.advanceTimersByTime(A_WHILE_MS);
  expect(soon.flushes).toBe(2);
});
