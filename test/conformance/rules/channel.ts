import assert from "node:assert/strict";
import { parseIp, type TransportAddress, withPort } from "../../../src/stun/address.ts";
import { channelNumberAttribute } from "../../../src/stun/attributes.ts";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";
import { peerAttribute, type TurnClient } from "../../support/turn-client.ts";
import { newTransactionId } from "../../support/turn-request.ts";
import {
  allocate,
  assertDropsToPeer,
  assertRefused,
  assertRefusedAndKept,
  assertRelays,
  assertSameAddress,
  assertSuccess,
  text,
} from "../checks.ts";
import type { Peer, Rule } from "../target.ts";

const UNSPECIFIED = withPort({ family: 4, w0: 0, w1: 0, w2: 0, w3: 0 }, 9);
const SOME_IPV6 = withPort(parseIp("2a01:4f8::1") ?? UNSPECIFIED, 9);

export const CHANNEL_RULES: readonly Rule[] = [
  {
    id: "channel-both-ways",
    title: "ChannelBind makes a channel: ChannelData goes both ways",
    rfc: "RFC 8656 sections 12.2, 12.6 and 12.7",
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const relayed = await allocate(client);
      assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
      await assertChannel(client, 0x4000, relayed, peer);
    },
  },
  {
    id: "channel-and-send",
    title: "with a channel Send indications pass too, and what the peer answers comes as ChannelData",
    rfc: "RFC 8656 section 12.5",
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const relayed = await allocate(client);
      assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
      await client.sendIndication(peer.address, text("by indication"));
      await client.sendChannelData(0x4000, text("by channel"));
      const arrived = [await peer.packets.take(), await peer.packets.take()];
      assert.deepEqual(arrived.map(({ data }) => data.toString()).sort(), ["by channel", "by indication"]);
      await peer.send(relayed, text("answer"));
      assert.equal((await client.data.take()).channelNumber, 0x4000);
    },
  },
  {
    id: "channel-data-refreshes-nothing",
    title: "ChannelData starts neither the channel's time again nor the permission's",
    rfc: "RFC 8656 section 12.6",
    needs: ["clock"],
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const relayed = await allocate(client, { lifetimeSeconds: 3600 });
      assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
      for (let minutes = 0; minutes < 4; minutes++) {
        target.controls.advance(60);
        await assertChannel(client, 0x4000, relayed, peer);
      }
      target.controls.advance(60);
      await client.sendChannelData(0x4000, text("after 300 s"));
      await peer.send(relayed, text("after 300 s"));
      assertSuccess(await client.createPermission(peer.address), "CreatePermission");
      target.controls.advance(299);
      await assertChannel(client, 0x4000, relayed, peer);
      target.controls.advance(1);
      await client.sendChannelData(0x4000, text("after 600 s"));
      assertSuccess(await client.createPermission(peer.address), "CreatePermission");
      await assertRelays(client, relayed, peer);
    },
  },
  {
    id: "channel-numbers",
    title:
      "numbers from 0x4000 to 0x4FFF can be bound, and those of RFC 5766 up to 0x7FFE (turnutils_uclient)",
    rfc: "RFC 8656 section 12; RFC 5766 section 11",
    async run(target) {
      const client = await target.client();
      const relayed = await allocate(client);
      for (const number of [0x4000, 0x4fff, 0x5000, 0x7ffe]) {
        const peer = await target.peer();
        assertSuccess(await client.channelBind(number, peer.address), `0x${number.toString(16)}`);
        await assertChannel(client, number, relayed, peer);
      }
    },
  },
  {
    id: "channel-numbers-out-of-range",
    title: "numbers outside of the range get 400",
    rfc: "RFC 8656 section 12.2",
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      await allocate(client);
      for (const number of [0x0000, 0x0001, 0x3fff, 0x8000, 0xffff]) {
        await assertRefused(client, await client.channelBind(number, peer.address), 400, `${number}`);
      }
      assertSuccess(await client.refresh(), "Refresh after the 400s");
    },
  },
  {
    id: "channel-incomplete",
    title: "ChannelBind without CHANNEL-NUMBER or XOR-PEER-ADDRESS, or with malformed ones, gets 400",
    rfc: "RFC 8656 section 12.2",
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      await allocate(client);
      const transactionId = newTransactionId();
      const address = peerAttribute(peer.address, transactionId);
      const number = channelNumberAttribute(0x4000);
      const shortNumber = { type: ATTRIBUTE.channelNumber, value: Uint8Array.of(0x40, 0x00) };
      const shortAddress = { type: ATTRIBUTE.xorPeerAddress, value: new Uint8Array(4) };
      for (const attributes of [[], [number], [address], [shortNumber, address], [number, shortAddress]]) {
        const answer = await client.request(METHOD.channelBind, attributes, {}, { transactionId });
        await assertRefusedAndKept(client, answer, 400);
      }
    },
  },
  {
    id: "channel-number-taken",
    title: "a number that is bound to another peer, and a peer that is bound to another number, get 400",
    rfc: "RFC 8656 section 12.2",
    async run(target) {
      const [client, peer, other] = [await target.client(), await target.peer(), await target.peer()];
      const relayed = await allocate(client);
      assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
      await assertRefusedAndKept(client, await client.channelBind(0x4000, other.address), 400, "the number");
      await assertRefusedAndKept(client, await client.channelBind(0x4001, peer.address), 400, "the peer");
      await assertChannel(client, 0x4000, relayed, peer);
      assertSuccess(await client.channelBind(0x4001, other.address), "the other number for the other peer");
    },
  },
  {
    id: "channel-refused-targets",
    title: "ChannelBind to a refused address gets 403, to one of the other family 443, and installs nothing",
    rfc: "RFC 8656 section 12.2",
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      await allocate(client);
      await assertRefusedAndKept(client, await client.channelBind(0x4000, UNSPECIFIED), 403);
      await assertRefusedAndKept(client, await client.channelBind(0x4000, SOME_IPV6), 443);
      assertSuccess(await client.channelBind(0x4000, peer.address), "the number is still free");
    },
  },
  {
    id: "channel-permits",
    title: "ChannelBind installs the permission too: indications pass to every port of the address",
    rfc: "RFC 8656 section 12.2",
    async run(target) {
      const [client, peer, otherPort] = [await target.client(), await target.peer(), await target.peer()];
      const relayed = await allocate(client);
      assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
      await assertRelays(client, relayed, otherPort);
      await client.sendIndication(peer.address, text("by indication"));
      assert.equal((await peer.packets.take()).data.toString(), "by indication");
    },
  },
  {
    id: "channel-expires",
    title: "a channel lasts 600 s, swept or not; then data comes by indication and ChannelData is dropped",
    rfc: "RFC 8656 section 12",
    needs: ["clock"],
    async run(target) {
      for (const swept of [false, true]) {
        const [client, peer, other] = [await target.client(), await target.peer(), await target.peer()];
        const relayed = await allocate(client, { lifetimeSeconds: 3600 });
        assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
        target.controls.advance(299);
        assertSuccess(await client.createPermission(peer.address), "CreatePermission");
        target.controls.advance(299);
        await assertChannel(client, 0x4000, relayed, peer);
        assertSuccess(await client.createPermission(peer.address), "CreatePermission");
        target.controls.advance(2);
        if (swept) target.controls.sweep();
        await assertRelays(client, relayed, peer);
        await assertDropsToPeer(client, peer, () => client.sendChannelData(0x4000, text("late")));
        assertSuccess(await client.channelBind(0x4000, other.address), "the number is free");
        assertSuccess(await client.channelBind(0x4001, peer.address), "the peer is free");
      }
    },
  },
  {
    id: "channel-refreshed",
    title: "ChannelBind of the same pair starts the 600 s again, and the permission's 300 s",
    rfc: "RFC 8656 section 12.2",
    needs: ["clock"],
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const relayed = await allocate(client, { lifetimeSeconds: 3600 });
      for (let i = 0; i < 5; i++) {
        assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
        target.controls.advance(290);
        await assertChannel(client, 0x4000, relayed, peer);
      }
    },
  },
  {
    id: "channel-without-permission",
    title: "a channel whose permission has expired carries nothing, and does again when it is renewed",
    rfc: "RFC 8656 section 12",
    needs: ["clock"],
    async run(target) {
      const [client, peer] = [await target.client(), await target.peer()];
      const relayed = await allocate(client);
      assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
      target.controls.advance(301);
      target.controls.sweep();
      await peer.send(relayed, text("late"));
      await assertDropsToPeer(client, peer, () => client.sendChannelData(0x4000, text("late")));
      assert.equal(client.data.pending.length, 0);
      await assertChannel(client, 0x4000, relayed, peer);
    },
  },
  {
    id: "channel-limit",
    title: "channels are limited: one too many gets 508, and those that are there stay and can be refreshed",
    rfc: "RFC 8656 section 12.2; DESIGN section 5, quotas",
    settings: { maxChannelsPerAllocation: 2 },
    async run(target) {
      const client = await target.client();
      const peers = [await target.peer(), await target.peer(), await target.peer()];
      const relayed = await allocate(client);
      const [one, two, three] = peers as [Peer, Peer, Peer];
      assertSuccess(await client.channelBind(0x4000, one.address), "the first");
      assertSuccess(await client.channelBind(0x4001, two.address), "the second");
      await assertRefusedAndKept(client, await client.channelBind(0x4002, three.address), 508);
      assertSuccess(await client.channelBind(0x4001, two.address), "a refresh");
      await assertChannel(client, 0x4000, relayed, one);
    },
  },
];

/** ChannelData goes both ways. */
export async function assertChannel(
  client: TurnClient,
  number: number,
  relayed: TransportAddress,
  peer: Peer,
): Promise<void> {
  await client.sendChannelData(number, text("by channel"));
  const packet = await peer.packets.take();
  assert.equal(packet.data.toString(), "by channel");
  assertSameAddress(packet.from, relayed);
  await peer.send(relayed, text("back"));
  const data = await client.data.take();
  assert.deepEqual([data.channelNumber, data.data.toString()], [number, "back"]);
}
