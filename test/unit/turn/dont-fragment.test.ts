/** DONT-FRAGMENT (RFC 8656 sections 7.2, 11.2 and 14), where the relay sockets can do it and where they cannot. */

import { expect, it } from "vitest";
import { ATTRIBUTE } from "../../../src/stun/registry.ts";
import { allocate, assertSuccess, text } from "../../conformance/checks.ts";
import { openMemoryTarget } from "../../conformance/memory-target.ts";
import { peerAttribute } from "../../support/turn-client.ts";

const DONT_FRAGMENT = { type: ATTRIBUTE.dontFragment, value: new Uint8Array() };

/** A client with a permission for a peer, and how it sends there with DONT-FRAGMENT. */
async function openPair(supportsDontFragment: boolean) {
  const memory = openMemoryTarget({}, { supportsDontFragment });
  const client = await memory.target.client();
  const peer = await memory.target.peer();
  const sendUnfragmented = (words: string) =>
    client.indicate((id) => [
      peerAttribute(peer.address, id),
      { type: ATTRIBUTE.data, value: text(words) },
      DONT_FRAGMENT,
    ]);
  return { ...memory, client, peer, sendUnfragmented };
}

it("where they can: a Send indication with it, and no other packet, may not be cut in pieces", async () => {
  const { client, peer, allocator, sendUnfragmented, target } = await openPair(true);
  assertSuccess(await client.allocate({ attributes: [DONT_FRAGMENT] }), "Allocate");
  assertSuccess(await client.createPermission(peer.address), "CreatePermission");
  assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
  await client.sendIndication(peer.address, text("as it comes"));
  await sendUnfragmented("in one piece");
  await client.sendChannelData(0x4000, text("by channel"));
  const arrived = [await peer.packets.take(), await peer.packets.take(), await peer.packets.take()];
  expect(arrived.map(({ data }) => data.toString())).toEqual(["as it comes", "in one piece", "by channel"]);
  expect(allocator.unfragmented).toEqual(["in one piece"]);
  await target.close();
});

it("where they can: it needs no DONT-FRAGMENT in the Allocate, and no permission less", async () => {
  const { client, peer, allocator, sendUnfragmented, target } = await openPair(true);
  await allocate(client);
  await sendUnfragmented("too early");
  assertSuccess(await client.createPermission(peer.address), "CreatePermission");
  await sendUnfragmented("in one piece");
  expect((await peer.packets.take()).data.toString()).toBe("in one piece");
  expect(allocator.unfragmented).toEqual(["in one piece"]);
  expect(target.controls.drops["no-permission"]).toBe(1);
  await target.close();
});

it("where they cannot: 420 names it, and a Send indication with it is dropped", async () => {
  const { client, peer, sendUnfragmented, target } = await openPair(false);
  const refused = await client.allocate({ attributes: [DONT_FRAGMENT] });
  expect([refused.errorCode, refused.unknownAttributes]).toEqual([420, [ATTRIBUTE.dontFragment]]);
  await allocate(client);
  assertSuccess(await client.createPermission(peer.address), "CreatePermission");
  await sendUnfragmented("dropped");
  await client.sendIndication(peer.address, text("as it comes"));
  expect((await peer.packets.take()).data.toString()).toBe("as it comes");
  expect(target.controls.drops.malformed).toBe(1);
  await target.close();
});
