import { expect, test, vi } from "vitest";
import { fanOut } from "../../../src/observe/fan-out.ts";

interface Events {
  joined?(peer: string, count: number): void;
  left?(peer: string): void;
}

test("every observer hears every event that it has a method for, with all details", () => {
  const first = { joined: vi.fn(), left: vi.fn() };
  const second = { joined: vi.fn() };
  const events = fanOut<Events>([first, second]);
  events.joined?.("p1", 2);
  events.left?.("p1");
  expect(first.joined.mock.calls).toEqual([["p1", 2]]);
  expect(second.joined.mock.calls).toEqual([["p1", 2]]);
  expect(first.left.mock.calls).toEqual([["p1"]]);
});

test("an observer that throws does not keep the event from the others, and the emitter hears of it", () => {
  const defect = new Error("defect");
  function broken(): void {
    throw defect;
  }
  const other = { left: vi.fn() };
  const events = fanOut<Events>([{ left: broken }, other]);
  expect(() => events.left?.("p1")).toThrow(defect);
  expect(other.left).toHaveBeenCalledOnce();
});
