import { afterEach, expect, test, vi } from "vitest";
import { untilSignal } from "../../../src/cli/signals.ts";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;
const listeners = () => [...SIGNALS, "SIGHUP", "SIGUSR2"].map((name) => process.listenerCount(name));
const IDLE = { onHangup: () => undefined, onDrain: () => undefined };

afterEach(() => vi.restoreAllMocks());

test.each(SIGNALS)("%s is waited for; the next one ends the process at once", async (signal) => {
  const exit = vi.spyOn(process, "exit").mockImplementation(() => undefined as never);
  const ended = untilSignal(IDLE);
  process.emit(signal, signal);
  await ended.signal;
  expect(exit).not.toHaveBeenCalled();
  process.emit("SIGINT", "SIGINT");
  expect(exit).toHaveBeenCalledExactlyOnceWith(130);
  ended.forget();
});

test("what was forgotten leaves no listener behind", () => {
  const before = listeners();
  const ended = untilSignal(IDLE);
  expect(listeners()).toEqual(before.map((count) => count + 1));
  ended.forget();
  expect(listeners()).toEqual(before);
});

test("SIGHUP ends nothing: it is told, each time", async () => {
  const onHangup = vi.fn();
  const ended = untilSignal({ ...IDLE, onHangup });
  for (let i = 0; i < 2; i++) process.emit("SIGHUP", "SIGHUP");
  expect(onHangup).toHaveBeenCalledTimes(2);
  process.emit("SIGTERM", "SIGTERM");
  await ended.signal;
  ended.forget();
});

test("SIGHUP of a terminal that is gone ends as SIGTERM does", async () => {
  const onHangup = vi.fn();
  const ended = untilSignal({ ...IDLE, onHangup }, () => true);
  process.emit("SIGHUP", "SIGHUP");
  await ended.signal;
  expect(onHangup).not.toHaveBeenCalled();
  ended.forget();
});

test("SIGUSR2 ends nothing: it is told, each time, and SIGTERM after it is the first", async () => {
  const exit = vi.spyOn(process, "exit").mockImplementation(() => undefined as never);
  const onDrain = vi.fn();
  const ended = untilSignal({ ...IDLE, onDrain });
  for (let i = 0; i < 2; i++) process.emit("SIGUSR2", "SIGUSR2");
  expect(onDrain).toHaveBeenCalledTimes(2);
  process.emit("SIGTERM", "SIGTERM");
  await ended.signal;
  expect(exit).not.toHaveBeenCalled();
  process.emit("SIGTERM", "SIGTERM");
  expect(exit).toHaveBeenCalledExactlyOnceWith(130);
  ended.forget();
});
