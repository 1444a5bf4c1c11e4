import { expect, test } from "vitest";
import { createLogger } from "../../../src/observe/logger.ts";
import { createOriginLog } from "../../../src/observe/origin-log.ts";

function bench() {
  const lines: { level: string; origin: string; othersSinceLastLine: number }[] = [];
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const clock = { nowMs: 0 };
  return {
    lines,
    clock,
    refused: createOriginLog(createLogger({ level: "warn", stream }), () => clock.nowMs),
  };
}

test("the first refused page is named at once, later ones once a minute with the number of those between", () => {
  const { lines, clock, refused } = bench();
  for (const origin of ["https://a.example", "https://b.example", "https://c.example"]) refused(origin);
  expect(lines).toMatchObject([{ level: "warn", origin: "https://a.example", othersSinceLastLine: 0 }]);
  clock.nowMs = 60_000;
  refused("https://d.example");
  expect(lines.slice(1)).toMatchObject([{ origin: "https://d.example", othersSinceLastLine: 2 }]);
});

test("an endless origin is cut", () => {
  const { lines, refused } = bench();
  const endless = `https://${"x".repeat(10_000)}`;
  refused(endless);
  expect(endless.startsWith(lines[0]?.origin ?? "nothing")).toBe(true);
  expect(lines[0]?.origin.length).toBeLessThan(endless.length / 10);
});
