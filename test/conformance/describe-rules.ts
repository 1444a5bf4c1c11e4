/** Holds our relay against every rule that its transport allows, with its clients on IPv4, and again with them on IPv6. */

import assert from "node:assert/strict";
import { describe, test } from "vitest";
import type { IpFamily } from "../../src/stun/address.ts";
import { withClientsOn } from "./client-family.ts";
import { RULES } from "./rules.ts";
import { rulesFor, runRule } from "./run-rule.ts";
import type { TargetKind } from "./target.ts";

export function describeRules(kind: TargetKind): void {
  const families: readonly IpFamily[] = kind.offers.has("ipv6") ? [4, 6] : [4];
  describe.each(families)(`the relay over ${kind.name}, clients on IPv%i`, (family) => {
    const placed = withClientsOn(family, kind);
    test("is asked over this family", async () => {
      const target = await placed.open({});
      try {
        const client = await target.client();
        const { mappedAddress } = await client.bind();
        assert.deepEqual([client.local.family, mappedAddress?.family], [family, family]);
      } finally {
        await target.close();
      }
    });
    for (const rule of rulesFor(placed, RULES)) {
      test(`${rule.id}: ${rule.title} (${rule.rfc})`, () => runRule(rule, placed));
    }
  });
}
