import assert from "node:assert/strict";
import type { TransportAddress } from "../../../src/stun/address.ts";
import { addressFamilyAttribute, evenPortAttribute, uint32Attribute } from "../../../src/stun/attributes.ts";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";
import { allocateAttributes } from "../../support/turn-client.ts";
import { encodeRequest, keyOf } from "../../support/turn-request.ts";
import {
  allocateBoth,
  assertDropsToPeer,
  assertRefused,
  assertRelays,
  assertSameAddress,
  assertSuccess,
  text,
} from "../checks.ts";
import type { Rule, Target } from "../target.ts";

const { additionalAddressFamily, requestedAddressFamily, reservationToken } = ATTRIBUTE;
const IPV6_ONLY = addressFamilyAttribute(requestedAddressFamily, 6);
const IPV6_TOO = addressFamilyAttribute(additionalAddressFamily, 6);

export const DUAL_ALLOCATION_RULES: readonly Rule[] = [
  {
    id: "dual-allocation",
    title: "ADDITIONAL-ADDRESS-FAMILY gives an address of each family, to clients of both, and both relay",
    rfc: "RFC 8656 section 7.2, step 9",
    needs: ["ipv6"],
    async run(target) {
      for (const family of [4, 6] as const) {
        const client = await target.client({ family });
        const [ipv4, ipv6] = await allocateBoth(client);
        const peers = [await target.peer(), await target.peer({ family: 6 })] as const;
        const answer = await client.createPermission(peers[0].address, peers[1].address);
        assertSuccess(answer, "CreatePermission for both families");
        await assertRelays(client, ipv4, peers[0]);
        await assertRelays(client, ipv6, peers[1]);
      }
    },
  },
  {
    id: "dual-channels",
    title: "a dual allocation has channels to peers of each family",
    rfc: "RFC 8656 section 12.2",
    needs: ["ipv6"],
    async run(target) {
      const client = await target.client();
      const relayed = await allocateBoth(client);
      for (const [i, family] of ([4, 6] as const).entries()) {
        const [number, peer] = [0x4000 + i, await target.peer({ family })];
        assertSuccess(await client.channelBind(number, peer.address), `ChannelBind for IPv${family}`);
        await client.sendChannelData(number, text("there"));
        const { from, data } = await peer.packets.take();
        assert.equal(data.toString(), "there");
        assertSameAddress(from, relayed[i] as TransportAddress);
        await peer.send(relayed[i] as TransportAddress, text("and back"));
        const back = await client.data.take();
        assert.deepEqual([back.channelNumber, back.data.toString()], [number, "and back"]);
      }
    },
  },
  {
    id: "dual-permissions-apart",
    title: "a permission is for its address only, whatever other family there is",
    rfc: "RFC 8656 section 9",
    needs: ["ipv6"],
    async run(target) {
      const client = await target.client();
      await allocateBoth(client);
      const [ipv4, ipv6] = [await target.peer(), await target.peer({ family: 6 })];
      assertSuccess(await client.createPermission(ipv4.address), "CreatePermission for IPv4");
      await assertDropsToPeer(client, ipv6, () => client.sendIndication(ipv6.address, text("too early")));
    },
  },
  {
    id: "dual-wrong-request",
    title:
      "ADDITIONAL-ADDRESS-FAMILY that is IPv4 or malformed, or beside what it may not stand by, gets 400",
    rfc: "RFC 8656 section 7.2, steps 5, 6, 8 and 9",
    needs: ["ipv6"],
    async run(target) {
      const client = await target.client();
      const cases = [
        ["IPv4", [addressFamilyAttribute(additionalAddressFamily, 4)]],
        ["an unknown family", [uint32Attribute(additionalAddressFamily, 0x03000000)]],
        ["one byte", [{ type: additionalAddressFamily, value: Uint8Array.of(2) }]],
        ["REQUESTED-ADDRESS-FAMILY", [IPV6_TOO, IPV6_ONLY]],
        ["RESERVATION-TOKEN", [IPV6_TOO, { type: reservationToken, value: new Uint8Array(8) }]],
        ["EVEN-PORT with the R bit", [IPV6_TOO, evenPortAttribute(true)]],
      ] as const;
      for (const [name, attributes] of cases) {
        await assertRefused(client, await client.allocate({ attributes }), 400, name);
      }
      await allocateBoth(client);
    },
  },
  {
    id: "dual-draft-number",
    title:
      "the number that ADDITIONAL-ADDRESS-FAMILY had in drafts, as coturn 4.6's client sends it, does the same",
    rfc: "RFC 8656 section 7.2, step 9",
    needs: ["ipv6", "inside"],
    async run(target) {
      const client = await target.client();
      const draft = (family: number) => uint32Attribute(0x8032, family * 0x1000000);
      await assertRefused(client, await client.allocate({ attributes: [draft(1)] }), 400);
      const answer = await client.allocate({ attributes: [draft(2)] });
      assert.deepEqual(
        answer.relayedAddresses.map(({ family }) => family),
        [4, 6],
      );
    },
  },
  {
    id: "dual-even-port",
    title: "EVEN-PORT without the R bit gives an even port of each family",
    rfc: "RFC 8656 section 7.2, step 8",
    needs: ["ipv6"],
    async run(target) {
      const both = await allocateBoth(await target.client(), [evenPortAttribute(false)]);
      assert.deepEqual(
        both.map(({ port }) => port % 2),
        [0, 0],
      );
    },
  },
  {
    id: "dual-retransmission",
    title: "a retransmitted Allocate gets the same two addresses again",
    rfc: "RFC 8656 section 7.2, step 2",
    needs: ["ipv6"],
    async run(target) {
      const client = await target.client();
      const proof = await client.authentication();
      const request = encodeRequest(METHOD.allocate, allocateAttributes({ isDual: true }), proof);
      const [first, second] = [
        await client.exchange(request, keyOf(proof)),
        await client.exchange(request, keyOf(proof)),
      ];
      assert.equal(first.relayedAddresses.length, 2);
      assert.deepEqual(second.relayedAddresses, first.relayedAddresses);
    },
  },
  {
    id: "dual-partial-ipv4",
    title: "where the relay has no IPv6, the success has an IPv4 address and ADDRESS-ERROR-CODE 440 for IPv6",
    rfc: "RFC 8656 section 7.2, step 9",
    settings: { relayFamilies: [4] },
    run: (target) => assertPartial(target, 4, { family: 6, code: 440 }),
  },
  {
    id: "dual-partial-ipv6",
    title: "where the relay has no IPv4, the success has an IPv6 address and ADDRESS-ERROR-CODE 440 for IPv4",
    rfc: "RFC 8656 section 7.2, step 9",
    needs: ["ipv6"],
    settings: { relayFamilies: [6] },
    run: (target) => assertPartial(target, 6, { family: 4, code: 440 }),
  },
  {
    id: "dual-partial-capacity",
    title:
      "where there is capacity for one address, it is the IPv4 one, with ADDRESS-ERROR-CODE 508 for IPv6",
    rfc: "RFC 8656 section 7.2, step 9",
    needs: ["ipv6"],
    settings: { maxAllocations: 1 },
    async run(target) {
      await assertPartial(target, 4, { family: 6, code: 508 });
      const late = await target.client({ host: 1 });
      await assertRefused(late, await late.allocate({ isDual: true }), 508);
    },
  },
  {
    id: "dual-quota",
    title: "both addresses of a dual allocation count against the quota: over it 486",
    rfc: "RFC 8656 section 7.2, step 10",
    needs: ["ipv6"],
    settings: { maxAllocationsPerUser: 3 },
    async run(target) {
      const [first, second, third] = [await target.client(), await target.client(), await target.client()];
      await allocateBoth(first);
      await assertRefused(second, await second.allocate({ isDual: true }), 486);
      assertSuccess(await second.allocate(), "Allocate of one address");
      await assertRefused(third, await third.allocate(), 486);
      assertSuccess(await first.refresh(0, [IPV6_ONLY]), "Refresh(0) of the IPv6 address");
      assertSuccess(await third.allocate(), "Allocate in its place");
    },
  },
  {
    id: "dual-inside",
    title: "two dual allocations reach each other inside the process at both addresses, over either family",
    rfc: "DESIGN section 5, own addresses",
    needs: ["ipv6", "inside"],
    async run(target) {
      const [one, other] = [await target.client(), await target.client({ family: 6, as: target.bob })];
      const [ours, theirs] = [await allocateBoth(one), await allocateBoth(other)];
      assertSuccess(await one.createPermission(...theirs), "CreatePermission");
      assertSuccess(await other.createPermission(...ours), "CreatePermission");
      const before = target.controls.insidePackets;
      for (const [i, address] of theirs.entries()) {
        await one.sendIndication(address, text(`by ${i}`));
        const { from, data } = await other.data.take();
        assert.equal(data.toString(), `by ${i}`);
        assertSameAddress(from, ours[i] as TransportAddress, "from the address of the same family");
      }
      assert.equal(target.controls.insidePackets - before, 2);
    },
  },
];

async function assertPartial(
  target: Target,
  family: 4 | 6,
  error: { readonly family: 4 | 6; readonly code: number },
): Promise<void> {
  const client = await target.client();
  const proof = await client.authentication();
  const request = encodeRequest(METHOD.allocate, allocateAttributes({ isDual: true }), proof);
  // The retransmission says the same.
  for (let i = 0; i < 2; i++) {
    const answer = await client.exchange(request, keyOf(proof));
    assertSuccess(answer, "Allocate");
    const families = answer.relayedAddresses.map((address) => address.family);
    assert.deepEqual([families, answer.addressError], [[family], error]);
  }
  assert.equal(
    (await client.refresh(600, [addressFamilyAttribute(requestedAddressFamily, error.family)])).outcome,
    443,
  );
  assertSuccess(await client.refresh(), "Refresh");
}
