import assert from "node:assert/strict";
import { formatTransportAddress } from "../../../src/stun/address.ts";
import { requestedTransportAttribute } from "../../../src/stun/attributes.ts";
import { ATTRIBUTE, METHOD, PROTOCOL_UDP } from "../../../src/stun/registry.ts";
import { peerAttribute } from "../../support/turn-client.ts";
import { encodeRequest, keyOf } from "../../support/turn-request.ts";
import {
  allocate,
  assertDropsToClient,
  assertDropsToPeer,
  assertRefused,
  assertRefusedAndKept,
  assertRelays,
  assertSameAddress,
  assertSuccess,
  text,
} from "../checks.ts";
import type { Rule } from "../target.ts";

const UDP = requestedTransportAttribute(PROTOCOL_UDP);
const DONT_FRAGMENT = { type: ATTRIBUTE.dontFragment, value: new Uint8Array() };

export const ALLOCATE_RULES: readonly Rule[] = [
  {
    id: "allocate",
    title: "Allocate answers with the relayed address, the mapped address and a lifetime",
    rfc: "RFC 8656 section 7.2",
    async run(target) {
      const client = await target.client();
      const answer = await client.allocate();
      assertSuccess(answer, "Allocate");
      assertSameAddress(answer.mappedAddress, client.local);
      assert.equal(answer.lifetimeSeconds, 600);
      assert.equal(answer.relayedAddress?.family, 4);
      assert.ok(answer.relayedAddress.port >= 1024, "not a well-known port");
    },
  },
  {
    id: "allocate-port-range",
    title: "relayed ports are of the dynamic range, 49152 to 65535",
    rfc: "RFC 8656 section 7.2",
    async run(target) {
      for (let i = 0; i < 8; i++) {
        const { port } = await allocate(await target.client());
        assert.ok(port >= 49_152, `port ${port}`);
      }
    },
  },
  {
    id: "allocate-starts-empty",
    title: "a new allocation on the 5-tuple of one that ended has none of its permissions and channels",
    rfc: "RFC 8656 section 7.2",
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const witness = await target.peer({ host: 1 });
      await allocate(client);
      assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
      assertSuccess(await client.refresh(0), "Refresh(0)");
      const relayed = await allocate(client);
      await assertDropsToClient(client, relayed, witness, () => peer.send(relayed, text("late")));
      await assertDropsToPeer(client, peer, async () => {
        await client.sendChannelData(0x4000, text("late"));
        await client.sendIndication(peer.address, text("late"));
      });
      assertSuccess(await client.channelBind(0x4001, peer.address), "another number for the same peer");
    },
  },
  {
    id: "allocate-without-transport",
    title: "Allocate without REQUESTED-TRANSPORT, or with a malformed one, gets 400",
    rfc: "RFC 8656 section 7.2, step 3",
    async run(target) {
      const client = await target.client();
      await assertRefused(client, await client.request(METHOD.allocate, []), 400);
      for (const length of [0, 1, 8]) {
        const malformed = { type: ATTRIBUTE.requestedTransport, value: new Uint8Array(length).fill(17) };
        await assertRefused(
          client,
          await client.request(METHOD.allocate, [malformed]),
          400,
          `${length} bytes`,
        );
      }
    },
  },
  {
    id: "allocate-other-protocol",
    title: "Allocate for another protocol than UDP and TCP gets 442",
    rfc: "RFC 8656 section 7.2, step 3",
    async run(target) {
      const client = await target.client();
      for (const protocol of [1, 132, 255]) {
        const answer = await client.request(METHOD.allocate, [requestedTransportAttribute(protocol)]);
        await assertRefused(client, answer, 442, `protocol ${protocol}`);
      }
    },
  },
  {
    id: "allocate-protocol-zero",
    title: "protocol 0 is another protocol than UDP too: 442, as if it were any other",
    rfc: "RFC 8656 section 7.2, step 3",
    async run(target) {
      const client = await target.client();
      const answer = await client.request(METHOD.allocate, [requestedTransportAttribute(0)]);
      await assertRefused(client, answer, 442);
    },
  },
  {
    id: "allocate-retransmission",
    title: "a retransmitted Allocate gets the same relayed address again",
    rfc: "RFC 8656 section 7.2, step 2",
    async run(target) {
      const client = await target.client();
      const proof = await client.authentication();
      const request = encodeRequest(METHOD.allocate, [UDP], proof);
      const first = await client.exchange(request, keyOf(proof));
      const second = await client.exchange(request, keyOf(proof));
      assert.ok(first.relayedAddress && second.relayedAddress);
      assertSameAddress(second.relayedAddress, first.relayedAddress);
      assert.deepEqual([second.isAuthentic, second.lifetimeSeconds], [true, 600]);
    },
  },
  {
    id: "allocate-retransmission-at-once",
    title: "an Allocate that arrives five times at once makes one allocation",
    rfc: "RFC 8656 section 7.2, step 2",
    needs: ["inside"],
    async run(target) {
      const client = await target.client();
      const proof = await client.authentication();
      const request = encodeRequest(METHOD.allocate, [UDP], proof);
      const answer = client.exchange(request, keyOf(proof));
      for (let i = 0; i < 4; i++) await client.sendRaw(request);
      assertSuccess(await answer, "Allocate");
      assertSuccess(await client.refresh(), "Refresh");
      assert.equal(target.controls.allocationCount, 1);
    },
  },
  {
    id: "allocate-twice",
    title: "a second Allocate on a 5-tuple gets 437 and leaves the first allocation alone",
    rfc: "RFC 8656 section 7.2, step 2",
    async run(target) {
      const client = await target.client();
      await allocate(client);
      await assertRefusedAndKept(client, await client.allocate(), 437);
    },
  },
  {
    id: "allocate-by-another-user",
    title: "an Allocate of another user on a 5-tuple in use gets 437, also under the same transaction id",
    rfc: "RFC 8656 section 7.2, step 2, and section 5",
    async run(target) {
      const client = await target.client();
      const proof = await client.authentication();
      const transactionId = new Uint8Array(12).fill(7);
      const first = await client.exchange(
        encodeRequest(METHOD.allocate, [UDP], proof, { transactionId }),
        keyOf(proof),
      );
      assertSuccess(first, "Allocate");
      for (const options of [{}, { transactionId }]) {
        const answer = await client.request(METHOD.allocate, [UDP], target.bob, options);
        await assertRefusedAndKept(client, answer, 437);
      }
    },
  },
  {
    id: "allocate-lifetime",
    title: "the lifetime is what was asked for, at least the default of 600 s and at most 3600 s",
    rfc: "RFC 8656 section 7.2",
    async run(target) {
      const cases = [
        [1, 600],
        [600, 600],
        [1200, 1200],
        [3600, 3600],
        [3601, 3600],
        [0xffffffff, 3600],
      ] as const;
      for (const [asked, given] of cases) {
        const client = await target.client();
        const answer = await client.allocate({ lifetimeSeconds: asked });
        assert.equal(answer.lifetimeSeconds, given, `asked for ${asked}`);
      }
    },
  },
  {
    id: "allocate-lifetime-exact",
    title: "the lifetime that is answered is the one that was asked for to the second, whatever the time is",
    rfc: "RFC 8656 section 7.2",
    needs: ["clock"],
    async run(target) {
      for (let i = 0; i < 40; i++) {
        target.controls.advance(1 / 3);
        const answer = await (await target.client()).allocate({ lifetimeSeconds: 3600 });
        assert.equal(answer.lifetimeSeconds, 3600);
      }
    },
  },
  {
    id: "allocate-malformed-lifetime",
    title: "Allocate with a malformed LIFETIME gets 400",
    rfc: "RFC 8656 section 7.2",
    async run(target) {
      const client = await target.client();
      const malformed = { type: ATTRIBUTE.lifetime, value: new Uint8Array(3) };
      await assertRefused(client, await client.request(METHOD.allocate, [UDP, malformed]), 400);
    },
  },
  {
    id: "allocate-expires",
    title: "an allocation ends with its lifetime: 437, nothing is relayed, and a new Allocate succeeds",
    rfc: "RFC 8656 section 3.2",
    needs: ["clock", "local"],
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const relayed = await allocate(client);
      assertSuccess(await client.createPermission(peer.address), "CreatePermission");
      target.controls.advance(599);
      await client.createPermission(peer.address);
      await assertRelays(client, relayed, peer);
      target.controls.advance(1);
      await client.sendIndication(peer.address, Buffer.from("late"));
      await peer.send(relayed, Buffer.from("late"));
      await assertRefused(client, await client.refresh(), 437);
      assert.deepEqual([peer.packets.pending.length, client.data.pending.length], [0, 0]);
      target.controls.sweep();
      assert.equal(target.controls.allocationCount, 0);
      assert.ok(await target.isFree(relayed), "the relay port is free");
      assertSuccess(await client.allocate(), "a new Allocate");
    },
  },
  {
    id: "five-tuples-are-apart",
    title: "two 5-tuples of one user have an allocation each; ending one leaves the other",
    rfc: "RFC 8656 section 3.2",
    async run(target) {
      const [one, other, peer] = [await target.client(), await target.client(), await target.peer()];
      const addresses = [await allocate(one), await allocate(other)];
      assert.equal(new Set(addresses.map(formatTransportAddress)).size, 2);
      assertSuccess(await other.createPermission(peer.address), "CreatePermission");
      assertSuccess(await one.refresh(0), "Refresh(0)");
      const [, relayed] = addresses;
      assert.ok(relayed);
      await assertRelays(other, relayed, peer);
    },
  },
  {
    id: "dont-fragment",
    title:
      "Allocate with DONT-FRAGMENT gets 420, which names it; a server that can set DF relays with it instead",
    rfc: "RFC 8656 section 7.2, step 4",
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const answer = await client.allocate({ attributes: [DONT_FRAGMENT] });
      if (answer.outcome === "success") {
        assertSuccess(await client.createPermission(peer.address), "CreatePermission");
        await client.indicate((id) => [
          peerAttribute(peer.address, id),
          { type: ATTRIBUTE.data, value: text("in one piece") },
          DONT_FRAGMENT,
        ]);
        assert.equal((await peer.packets.take()).data.toString(), "in one piece");
        return;
      }
      await assertRefused(client, answer, 420);
      assert.deepEqual(answer.unknownAttributes, [ATTRIBUTE.dontFragment]);
    },
  },
];
