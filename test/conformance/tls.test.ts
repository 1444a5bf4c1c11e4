import { describe, test } from "vitest";
import { RULES } from "./rules.ts";
import { rulesFor, runRule } from "./run-rule.ts";
import { tlsKind } from "./stream-targets.ts";

describe("the relay over TLS", () => {
  for (const rule of rulesFor(tlsKind, RULES)) {
    test(`${rule.id}: ${rule.title} (${rule.rfc})`, () => runRule(rule, tlsKind));
  }
});
