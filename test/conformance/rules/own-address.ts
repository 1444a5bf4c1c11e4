import assert from "node:assert/strict";
import { withPort } from "../../../src/stun/address.ts";
import type { AllocateOptions } from "../../support/turn-client.ts";
import {
  allocate,
  assertClientToClient,
  assertDropsToClient,
  assertRelays,
  assertSuccess,
  permitEachOther,
  type Relayed,
  text,
} from "../checks.ts";
import type { Rule, Target } from "../target.ts";

export const OWN_ADDRESS_RULES: readonly Rule[] = [
  {
    id: "client-to-client",
    title:
      "two clients of the relay reach each other at their relayed addresses, by indication and by channel",
    rfc: "DESIGN section 5, own addresses",
    async run(target) {
      const [one, other] = await twoRelayed(target);
      await permitEachOther(one, other);
      await assertClientToClient(one, other);
    },
  },
  {
    id: "client-to-client-ipv6",
    title: "two clients of the relay reach each other at their relayed IPv6 addresses",
    rfc: "DESIGN section 5, own addresses",
    needs: ["ipv6"],
    async run(target) {
      const [one, other] = await twoRelayed(target, { family: 6 });
      await permitEachOther(one, other);
      await assertClientToClient(one, other);
    },
  },
  {
    id: "client-to-client-inside",
    title: "packets between two clients of the relay cross no relay socket",
    rfc: "DESIGN section 5, own addresses",
    needs: ["inside"],
    async run(target) {
      const [one, other] = await twoRelayed(target);
      await permitEachOther(one, other);
      const before = target.controls.insidePackets;
      await assertClientToClient(one, other);
      assert.equal(target.controls.insidePackets - before, 3);
    },
  },
  {
    id: "client-to-client-permission",
    title: "between two clients of the relay both permissions are asked for, as between two relays",
    rfc: "RFC 8656 section 11.3",
    async run(target) {
      const [one, other] = await twoRelayed(target);
      const peer = await target.peer();
      assertSuccess(await one.client.createPermission(other.relayed), "CreatePermission of the sender");
      await assertDropsToClient(other.client, other.relayed, peer, async () => {
        await one.client.sendIndication(other.relayed, text("unasked"));
        assertSuccess(await one.client.refresh(), "Refresh");
      });
    },
  },
  {
    id: "client-to-client-ends",
    title: "what is sent to a relayed address that has ended is dropped",
    rfc: "DESIGN section 5, own addresses",
    async run(target) {
      const [one, other] = await twoRelayed(target);
      const peer = await target.peer();
      await permitEachOther(one, other);
      assertSuccess(await other.client.refresh(0), "Refresh(0)");
      const next = await allocate(other.client);
      await assertDropsToClient(other.client, next, peer, async () => {
        await one.client.sendIndication(other.relayed, text("too late"));
        assertSuccess(await one.client.refresh(), "Refresh of the one who stays");
      });
    },
  },
  {
    id: "own-address-other-port",
    title: "a port of the relay's own address that is no relayed address is never reached",
    rfc: "DESIGN section 5, own addresses",
    needs: ["local", "inside"],
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const relayed = await allocate(client);
      const neighbour = await target.endpointAt(relayed);
      assertSuccess(await client.createPermission(neighbour.address), "CreatePermission");
      await client.sendIndication(neighbour.address, text("to a neighbour"));
      assertSuccess(await client.channelBind(0x4000, neighbour.address), "ChannelBind");
      await client.sendChannelData(0x4000, text("to a neighbour"));
      assertSuccess(await client.createPermission(peer.address), "CreatePermission");
      // The same relay socket sends this one: had the others left, they would have left before.
      await assertRelays(client, relayed, peer);
      assert.deepEqual(neighbour.packets.pending, []);
    },
  },
  {
    id: "own-address-source",
    title: "a packet that reaches a relay socket from the relay's own address is dropped",
    rfc: "DESIGN section 5, own addresses",
    needs: ["local", "inside"],
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const relayed = await allocate(client);
      const neighbour = await target.endpointAt(relayed);
      assertSuccess(await client.createPermission(neighbour.address), "CreatePermission");
      await assertDropsToClient(client, relayed, peer, () => neighbour.send(relayed, text("from beside")));
    },
  },
  {
    id: "own-listener",
    title: "the relay's listening address is refused as a target with 403",
    rfc: "DESIGN section 5, own addresses",
    async run(target) {
      const client = await target.client();
      await allocate(client);
      const own = target.serverAddress(4);
      for (const port of [own.port, 1, 80]) {
        assert.equal((await client.createPermission(withPort(own, port))).outcome, 403);
        assert.equal((await client.channelBind(0x4000, withPort(own, port))).outcome, 403);
      }
      assertSuccess(await client.refresh(), "Refresh after the 403s");
    },
  },
];

async function twoRelayed(target: Target, options: AllocateOptions = {}): Promise<[Relayed, Relayed]> {
  const one = await target.client();
  const other = await target.client({ as: target.bob });
  return [
    { client: one, relayed: await allocate(one, options) },
    { client: other, relayed: await allocate(other, options) },
  ];
}
