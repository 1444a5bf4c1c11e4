import { describe, expect, test } from "vitest";
import { memoryKind } from "./memory-target.ts";
import { RULES } from "./rules.ts";
import { rulesFor, runRule } from "./run-rule.ts";

test("every rule has a name of its own, and all of them hold over memory", () => {
  expect(new Set(RULES.map(({ id }) => id)).size).toBe(RULES.length);
  expect(rulesFor(memoryKind, RULES)).toHaveLength(RULES.length);
});

describe("the relay in memory", () => {
  for (const rule of RULES) {
    test(`${rule.id}: ${rule.title} (${rule.rfc})`, () => runRule(rule, memoryKind));
  }
});
