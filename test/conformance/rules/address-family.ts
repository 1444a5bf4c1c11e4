import assert from "node:assert/strict";
import { uint32Attribute } from "../../../src/stun/attributes.ts";
import { ATTRIBUTE } from "../../../src/stun/registry.ts";
import { allocate, assertRefused, assertRelays, assertSuccess } from "../checks.ts";
import type { Rule } from "../target.ts";

export const ADDRESS_FAMILY_RULES: readonly Rule[] = [
  {
    id: "family-ipv4",
    title: "REQUESTED-ADDRESS-FAMILY IPv4 gives an IPv4 relayed address",
    rfc: "RFC 8656 section 7.2, step 7",
    async run(target) {
      assert.equal((await allocate(await target.client(), { family: 4 })).family, 4);
    },
  },
  {
    id: "family-ipv6",
    title: "REQUESTED-ADDRESS-FAMILY IPv6 gives an IPv6 relayed address, to clients of both families",
    rfc: "RFC 8656 section 7.2, step 7",
    needs: ["ipv6"],
    async run(target) {
      for (const family of [4, 6] as const) {
        const [client, peer] = [await target.client({ family }), await target.peer({ family: 6 })];
        const relayed = await allocate(client, { family: 6 });
        assert.equal(relayed.family, 6);
        assertSuccess(await client.createPermission(peer.address), "CreatePermission");
        await assertRelays(client, relayed, peer);
      }
    },
  },
  {
    id: "family-default",
    title: "without REQUESTED-ADDRESS-FAMILY the relayed address is IPv4, to a client over IPv6 too",
    rfc: "RFC 8656 section 7.2, step 7",
    needs: ["ipv6"],
    async run(target) {
      assert.equal((await allocate(await target.client({ family: 6 }))).family, 4);
    },
  },
  {
    id: "family-unknown",
    title: "an address family that nobody knows gets 440, a malformed attribute 400",
    rfc: "RFC 8656 section 7.2, step 7",
    async run(target) {
      const client = await target.client();
      const type = ATTRIBUTE.requestedAddressFamily;
      const unknown = await client.allocate({ attributes: [uint32Attribute(type, 0x03000000)] });
      await assertRefused(client, unknown, 440);
      const malformed = await client.allocate({ attributes: [{ type, value: new Uint8Array(1).fill(1) }] });
      await assertRefused(client, malformed, 400);
    },
  },
  {
    id: "family-unsupported",
    title: "an address family that the relay has no address of gets 440",
    rfc: "RFC 8656 section 7.2, step 7",
    settings: { relayFamilies: [4] },
    async run(target) {
      const client = await target.client();
      await assertRefused(client, await client.allocate({ family: 6 }), 440);
      assertSuccess(await client.allocate({ family: 4 }), "Allocate for IPv4");
    },
  },
  {
    id: "refresh-wrong-family",
    title: "Refresh for another address family than the allocation's gets 443 and changes nothing",
    rfc: "RFC 8656 section 8.2",
    async run(target) {
      const client = await target.client();
      await allocate(client);
      const family = (value: number) => uint32Attribute(ATTRIBUTE.requestedAddressFamily, value * 0x1000000);
      assert.equal((await client.refresh(0, [family(2)])).outcome, 443);
      assertSuccess(await client.refresh(700, [family(1)]), "Refresh for the right family");
      assertSuccess(await client.refresh(0, [family(1)]), "Refresh(0) for the right family");
    },
  },
];
