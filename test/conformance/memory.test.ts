import { expect, test } from "vitest";
import { describeRules } from "./describe-rules.ts";
import { memoryKind } from "./memory-target.ts";
import { RULES } from "./rules.ts";
import { rulesFor } from "./run-rule.ts";
import { tcpKind } from "./stream-targets.ts";

test("every rule has a name of its own, and holds over memory, or over streams if it is about them", () => {
  expect(new Set(RULES.map(({ id }) => id)).size).toBe(RULES.length);
  const held = new Set([...rulesFor(memoryKind, RULES), ...rulesFor(tcpKind, RULES)]);
  expect(RULES.filter((rule) => !held.has(rule))).toEqual([]);
});

describeRules(memoryKind);
