import { describe, test } from "vitest";
import { RULES } from "./rules.ts";
import { rulesFor, runRule } from "./run-rule.ts";
import { udpKind } from "./udp-target.ts";

describe("the relay over UDP", () => {
  for (const rule of rulesFor(udpKind, RULES)) {
    test(`${rule.id}: ${rule.title} (${rule.rfc})`, () => runRule(rule, udpKind));
  }
});
