import { afterEach, expect, test, vi } from "vitest";
import { untilSignal } from "../../../src/cli/signals.ts";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;
const listeners = () => SIGNALS.map((name) => process.listenerCount(name));

afterEach(() => vi.restoreAllMocks());

test.each(SIGNALS)("%s is waited for; the next one ends the process at once", async (signal) => {
  const exit = vi.spyOn(process, "exit").mockImplementation(() => undefined as never);
  const ended = untilSignal();
  process.emit(signal, signal);
  await ended.signal;
  expect(exit).not.toHaveBeenCalled();
  process.emit("SIGINT", "SIGINT");
  expect(exit).toHaveBeenCalledExactlyOnceWith(130);
  ended.forget();
});

test("what was forgotten leaves no listener behind", () => {
  const before = listeners();
  const ended = untilSignal();
  expect(listeners()).toEqual(before.map((count) => count + 1));
  ended.forget();
  expect(listeners()).toEqual(before);
});
