import { describe, test } from "vitest";
import { memoryKind } from "../conformance/memory-target.ts";
import { rulesFor, runRule } from "../conformance/run-rule.ts";
import { batchedTlsKind, tcpKind } from "../conformance/stream-targets.ts";
import { batchKind, twoWorkersKind, udpKind } from "../conformance/udp-target.ts";
import { HOSTILE_SUITE, LOOPBACK_SUITE } from "./rules.ts";

const SUITES = [
  { kind: memoryKind, rules: HOSTILE_SUITE },
  ...[udpKind, batchKind, twoWorkersKind, tcpKind, batchedTlsKind].map((kind) => ({
    kind,
    rules: [...HOSTILE_SUITE, ...LOOPBACK_SUITE],
  })),
];

for (const { kind, rules } of SUITES) {
  describe(`the relay over ${kind.name}`, () => {
    for (const rule of rulesFor(kind, rules)) {
      test(`${rule.id}: ${rule.title} (${rule.rfc})`, () => runRule(rule, kind));
    }
  });
}
