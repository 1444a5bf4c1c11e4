import { describe, expect, test } from "vitest";
import { Histogram } from "../../../bench/generator/histogram.ts";

const STEP = 1 / 32;

describe("latencies", () => {
  test.each([0.001, 0.0335, 0.25, 1, 17.3, 250, 3999])(
    "a quantile is within one step of %d ms",
    (latencyMs) => {
      const histogram = new Histogram();
      histogram.add(latencyMs);
      for (const share of [0, 0.5, 0.99])
        expect(Math.abs(histogram.quantileMs(share) / latencyMs - 1)).toBeLessThan(STEP);
    },
  );

  test("p50 and p99 are those of what was added", () => {
    const histogram = new Histogram();
    const values = Array.from({ length: 1000 }, (_, index) => (index + 1) / 10);
    for (const value of values) histogram.add(value);
    for (const share of [0.5, 0.99])
      expect(Math.abs(histogram.quantileMs(share) / (values[share * values.length] ?? 0) - 1)).toBeLessThan(
        STEP,
      );
  });

  test("what is shorter than a step or longer than all steps is counted, and nothing is 0", () => {
    expect(new Histogram().quantileMs(0.5)).toBe(0);
    const histogram = new Histogram();
    for (const value of [0, -1, 1e9]) histogram.add(value);
    expect(histogram.quantileMs(0)).toBeLessThan(0.001);
    expect(histogram.quantileMs(0.99)).toBeGreaterThan(4000);
  });
});
