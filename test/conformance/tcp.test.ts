import { describe, test } from "vitest";
import { RULES } from "./rules.ts";
import { rulesFor, runRule } from "./run-rule.ts";
import { tcpKind } from "./stream-targets.ts";

describe("the relay over TCP", () => {
  for (const rule of rulesFor(tcpKind, RULES)) {
    test(`${rule.id}: ${rule.title} (${rule.rfc})`, () => runRule(rule, tcpKind));
  }
});
