import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startSweeper } from "../../../src/net/sweeper.ts";
import { waitUntil } from "../../../src/net/wait.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("every sweep runs once a second, until the sweeper is closed", () => {
  const first = vi.fn();
  const second = vi.fn();
  const sweeper = startSweeper([first, second], vi.fn());
  vi.advanceTimersByTime(3000);
  expect([first.mock.calls.length, second.mock.calls.length]).toEqual([3, 3]);
  sweeper.close();
  sweeper.close();
  vi.advanceTimersByTime(3000);
  expect(first).toHaveBeenCalledTimes(3);
  expect(vi.getTimerCount()).toBe(0);
});

test("a sweep that throws is told, and stops neither the others nor the next second", () => {
  const defect = new Error("defect");
  const other = vi.fn();
  const failed = vi.fn();
  function broken(): void {
    throw defect;
  }
  const sweeper = startSweeper([broken, other], failed);
  vi.advanceTimersByTime(2000);
  sweeper.close();
  expect(failed.mock.calls).toEqual([[defect], [defect]]);
  expect(other).toHaveBeenCalledTimes(2);
});

test("waiting ends as soon as the condition holds, and leaves no timer", async () => {
  let met = false;
  const waiting = waitUntil(() => met, 10_000);
  vi.advanceTimersByTime(100);
  met = true;
  vi.advanceTimersByTime(100);
  expect(await waiting).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});

test("waiting ends at the bound", async () => {
  const waiting = waitUntil(() => false, 500);
  vi.advanceTimersByTime(500);
  expect(await waiting).toBe(false);
  expect(vi.getTimerCount()).toBe(0);
});

test("waiting for what holds already takes no time", async () => {
  expect(await waitUntil(() => true, 500)).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});
