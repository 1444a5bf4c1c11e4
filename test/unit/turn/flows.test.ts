/** What the relay hands over to be carried. */

import { describe, expect, test } from "vitest";
import {
  formatIp,
  type IpAddress,
  sameTransportAddress,
  type TransportAddress,
} from "../../../src/stun/address.ts";
import { ATTRIBUTE } from "../../../src/stun/registry.ts";
import { PERMISSION_LIFETIME_MS } from "../../../src/turn/allocation.ts";
import { allocate, allocateBoth, assertSuccess } from "../../conformance/checks.ts";
import type { Peer } from "../../conformance/target.ts";
import type { FakeFlow } from "../../support/fake-carrier.ts";
import {
  CHANNEL,
  type FlowBench,
  MEDIA,
  OTHER_CHANNEL,
  openCarried,
  openFlow,
  openInside,
} from "../../support/flow-bench.ts";
import { check } from "../../support/ice-check.ts";
import type { TurnClient } from "../../support/turn-client.ts";

const ROOM = "blue";
const ANNS = "the ice password of Ann..";
/** Of one allocation. */
const MAX_FLOWS = 32;

async function sendNow(peer: Peer, to: TransportAddress, data: Uint8Array = MEDIA): Promise<void> {
  await peer.send(to, data);
}

const isTo = (address: TransportAddress) => (flow: FakeFlow) =>
  sameTransportAddress(flow.ends.target, address);

describe("a flow begins", () => {
  test("with ChannelData that went out: by its channel, to its target, until the first of its parts is over", async () => {
    const bench = openCarried();
    const { client, peer, relayed, flow } = await openFlow(bench);
    expect(flow.ends).toMatchObject({ target: peer.address, channel: CHANNEL, inside: undefined });
    expect(flow.ends.link.remote).toEqual(client.local);
    expect(flow.ends.socket.relayedAddress).toEqual(relayed);
    expect(bench.carrier.flows).toHaveLength(1);
    const startMs = flow.expiresAtMs - PERMISSION_LIFETIME_MS;
    // Nothing new, but for what has been renewed.
    bench.target.controls.advance(100);
    await client.sendChannelData(CHANNEL, MEDIA);
    expect(flow.expiresAtMs).toBe(startMs + PERMISSION_LIFETIME_MS);
    expect(bench.carrier.flows).toHaveLength(1);
    // The permission is good for 300 seconds from then on, and all else for longer.
    assertSuccess(await client.createPermission(peer.address), "CreatePermission");
    await client.sendChannelData(CHANNEL, MEDIA);
    expect(bench.carrier.live.map(({ expiresAtMs }) => expiresAtMs)).toEqual([
      startMs + 100_000 + PERMISSION_LIFETIME_MS,
    ]);
    await bench.target.close();
  });

  test("with a Send indication, or a packet that came in: as Send and Data indications", async () => {
    for (const isFromClient of [true, false]) {
      const { target, carrier } = openCarried();
      const [client, peer] = [await target.client(), await target.peer()];
      const relayed = await allocate(client);
      assertSuccess(await client.createPermission(peer.address), "CreatePermission");
      if (isFromClient) await client.sendIndication(peer.address, MEDIA);
      else await sendNow(peer, relayed);
      expect(carrier.live.map(({ ends }) => [ends.channel, ends.target])).toEqual([
        [undefined, peer.address],
      ]);
      // One that is bound later has the channel.
      assertSuccess(await client.channelBind(CHANNEL, peer.address), "ChannelBind");
      await client.sendIndication(peer.address, MEDIA);
      expect(carrier.live.map(({ ends }) => ends.channel)).toEqual([CHANNEL]);
      await target.close();
    }
  });

  test("over the relayed address of the target's family, of two", async () => {
    const { target, carrier } = openCarried();
    const client = await target.client();
    const relayed = await allocateBoth(client);
    for (const [i, family] of ([4, 6] as const).entries()) {
      const peer = await target.peer({ family });
      assertSuccess(await client.createPermission(peer.address), "CreatePermission");
      await client.sendIndication(peer.address, MEDIA);
      expect(carrier.live.at(-1)?.ends.socket.relayedAddress).toEqual(relayed[i]);
    }
    await target.close();
  });

  test("inside, one for each way, as the other client hears it, until the first part of either is over", async () => {
    const bench = openCarried();
    const { clients, relayed, flows } = await openInside(bench);
    expect(flows.map(({ ends }) => ends.inside?.source)).toEqual(relayed);
    expect(flows.map(({ ends }) => ends.inside?.link.remote)).toEqual([clients[1].local, clients[0].local]);
    expect(flows.map(({ ends }) => [ends.channel, ends.inside?.channel])).toEqual([
      [CHANNEL, CHANNEL],
      [CHANNEL, CHANNEL],
    ]);
    const expiresAtMs = flows[0]?.expiresAtMs ?? 0;
    // The permission of one ends before the other's.
    bench.target.controls.advance(100);
    assertSuccess(await clients[0].createPermission(relayed[1]), "CreatePermission");
    for (const client of clients) await client.sendChannelData(CHANNEL, MEDIA);
    expect(bench.carrier.live.map((flow) => flow.expiresAtMs)).toEqual([expiresAtMs, expiresAtMs]);
    await bench.target.close();
  });

  test("inside as Data indications where the other one has no channel, and not at all where it has no permission", async () => {
    const { target, carrier } = openCarried();
    const [client, other] = [await target.client(), await target.client({ as: target.bob, host: 1 })];
    const [relayed, its] = [await allocate(client), await allocate(other)];
    assertSuccess(await client.channelBind(CHANNEL, its), "ChannelBind");
    await client.sendChannelData(CHANNEL, MEDIA);
    expect(carrier.flows).toEqual([]);
    assertSuccess(await other.createPermission(relayed), "CreatePermission");
    await client.sendChannelData(CHANNEL, MEDIA);
    expect(carrier.live.map(({ ends }) => ends.inside?.channel)).toEqual([undefined]);
    await target.close();
  });

  test("with buckets that others can take from", async () => {
    const { target, carrier } = openCarried({ maxBitsPerSecondPerAllocation: 1e6, maxBitsPerSecond: 1e7 });
    const { flow } = await openFlow({ target, carrier } as FlowBench);
    const { own, room, total } = flow.ends.buckets;
    expect([own?.cellIndex, total?.cellIndex].every((index) => index !== undefined)).toBe(true);
    expect(room).toBeUndefined();
    await target.close();
  });

  test("never for packets that do not pass", async () => {
    const bench = openCarried({ maxBitsPerSecondPerAllocation: 8 });
    const { target, carrier } = bench;
    const [client, peer, stranger] = [
      await target.client(),
      await target.peer(),
      await target.peer({ host: 1 }),
    ];
    await client.sendChannelData(CHANNEL, MEDIA);
    const relayed = await allocate(client);
    await client.sendChannelData(CHANNEL, MEDIA);
    await client.sendIndication(peer.address, MEDIA);
    await sendNow(peer, relayed);
    assertSuccess(await client.channelBind(CHANNEL, peer.address), "ChannelBind");
    await client.sendChannelData(OTHER_CHANNEL, MEDIA);
    await client.sendIndication(stranger.address, MEDIA);
    await sendNow(stranger, relayed);
    await client.indicate(() => [{ type: ATTRIBUTE.data, value: MEDIA }]);
    await client.bind();
    expect(carrier.flows).toEqual([]);
    // Over its bandwidth from here on, in both directions.
    for (let i = 0; i < 5; i++) await client.sendChannelData(CHANNEL, Buffer.alloc(60_000));
    expect(target.controls.drops["allocation-bandwidth"]).toBeGreaterThan(0);
    for (const flow of carrier.live) flow.isOver = true;
    const before = carrier.flows.length;
    await client.sendChannelData(CHANNEL, Buffer.alloc(60_000));
    await sendNow(peer, relayed, Buffer.alloc(60_000));
    expect(carrier.flows).toHaveLength(before);
    await target.close();
  });

  test("never for clients over a connection, nor where it is not taken: packets pass all the same", async () => {
    const over = openCarried({}, { transport: "tcp" });
    const refused = openCarried();
    refused.carrier.isFull = true;
    for (const { target, carrier } of [over, refused]) {
      const [client, peer] = [await target.client(), await target.peer()];
      await allocate(client);
      assertSuccess(await client.channelBind(CHANNEL, peer.address), "ChannelBind");
      for (let i = 0; i < 3; i++) await client.sendChannelData(CHANNEL, MEDIA);
      expect(peer.packets.drain()).toHaveLength(3);
      expect(carrier.flows).toEqual([]);
      await target.close();
    }
  });

  test("for so many targets of one allocation; those of others that reach its client take no place, and those that are over make room", async () => {
    const { target, carrier } = openCarried();
    const client = await target.client();
    const relayed = await allocate(client);
    const others: TurnClient[] = [];
    for (let i = 0; i < MAX_FLOWS; i++) {
      const other = await target.client({ as: target.bob, host: 1 });
      const its = await allocate(other);
      others.push(other);
      if (i === 0) assertSuccess(await client.createPermission(its), "CreatePermission");
      assertSuccess(await other.createPermission(relayed), "CreatePermission");
    }
    for (const other of others) await other.sendIndication(relayed, MEDIA);
    expect(carrier.live).toHaveLength(MAX_FLOWS);
    const peer = await target.peer();
    assertSuccess(await client.createPermission(peer.address), "CreatePermission");
    const ports = (from: number) =>
      Array.from({ length: MAX_FLOWS + 1 }, (_, i) => ({ ...peer.address, port: from + i }));
    for (const to of ports(2000)) await client.sendIndication(to, MEDIA);
    expect(carrier.live.filter(({ ends }) => ends.inside === undefined)).toHaveLength(MAX_FLOWS);
    target.controls.advance(PERMISSION_LIFETIME_MS / 1000);
    target.controls.sweep();
    expect(carrier.live).toHaveLength(0);
    assertSuccess(await client.createPermission(peer.address), "CreatePermission");
    for (const to of ports(3000)) await client.sendIndication(to, MEDIA);
    expect(carrier.live).toHaveLength(MAX_FLOWS);
    await target.close();
  });
});

describe("in a room", () => {
  async function openRoom() {
    const bench = openCarried();
    const { target } = bench;
    const client = await target.client({ as: target.controls.member(ROOM, "ann") });
    const peer = await target.peer();
    return { ...bench, client, peer, controls: target.controls, relayed: await allocate(client) };
  }

  async function claim({ controls, client, peer }: Awaited<ReturnType<typeof openRoom>>) {
    controls.signal(ROOM, "ben", "ann", { addresses: [formatIp(peer.address)] });
    controls.signal(ROOM, "ann", "ben", { icePasswords: [ANNS] });
    assertSuccess(await client.channelBind(CHANNEL, peer.address), "ChannelBind");
  }

  test("a target that is claimed is never carried, one that has proved itself is, and no other port of it", async () => {
    const room = await openRoom();
    const { target, carrier, client, peer, relayed, controls } = room;
    await claim(room);
    await client.sendChannelData(CHANNEL, check("the ice password of Ben.."));
    await client.sendChannelData(CHANNEL, MEDIA);
    await sendNow(peer, relayed, check("the ice password of Eve.."));
    await sendNow(peer, relayed);
    expect(carrier.flows).toEqual([]);
    await sendNow(peer, relayed, check(ANNS));
    await client.sendChannelData(CHANNEL, MEDIA);
    expect(carrier.live).toHaveLength(1);
    const elsewhere = { ...peer.address, port: peer.address.port + 1000 };
    await client.sendIndication(elsewhere, check("the ice password of Ben.."));
    await client.sendIndication(elsewhere, MEDIA);
    expect(carrier.live.filter(isTo(elsewhere))).toEqual([]);
    controls.leave(ROOM, "ben");
    expect(carrier.live).toEqual([]);
    await client.sendChannelData(CHANNEL, MEDIA);
    expect(carrier.live).toEqual([]);
    await target.close();
  });

  test("the oldest of too many proven ports ends, when another one takes its place", async () => {
    const room = await openRoom();
    const { target, carrier, client, peer, relayed } = room;
    await claim(room);
    await sendNow(peer, relayed, check(ANNS));
    await client.sendChannelData(CHANNEL, MEDIA);
    expect(carrier.live.filter(isTo(peer.address))).toHaveLength(1);
    for (let i = 0; i < 16; i++) await sendNow(await target.endpointAt(peer.address), relayed, check(ANNS));
    expect(carrier.live.filter(isTo(peer.address))).toEqual([]);
    await client.sendChannelData(CHANNEL, MEDIA);
    expect(carrier.live.filter(isTo(peer.address))).toEqual([]);
    await target.close();
  });

  test("a member who is known by its own requests is carried at once, and over when it leaves; when another one leaves, learned again", async () => {
    const { target, carrier, client, controls } = await openRoom();
    const ben = await target.client({ as: controls.member(ROOM, "ben"), host: 1 });
    await allocate(ben);
    const at = await target.endpointAt(ben.local as IpAddress);
    assertSuccess(await client.channelBind(CHANNEL, at.address), "ChannelBind");
    await client.sendChannelData(CHANNEL, MEDIA);
    expect(carrier.live.filter(isTo(at.address))).toHaveLength(1);
    controls.leave(ROOM, "cleo");
    expect(carrier.live).toEqual([]);
    await client.sendChannelData(CHANNEL, MEDIA);
    expect(carrier.live.filter(isTo(at.address))).toHaveLength(1);
    controls.leave("another", "ben");
    expect(carrier.live).toHaveLength(1);
    controls.leave(ROOM, "ben");
    await client.sendChannelData(CHANNEL, MEDIA);
    expect(carrier.live).toEqual([]);
    await target.close();
  });

  test("members of two rooms are never carried to each other, and a member is heard by what is carried", async () => {
    const room = await openRoom();
    const { target, turn, carrier, client, peer, relayed, controls } = room;
    const eve = await target.client({ as: controls.member("red", "eve"), host: 1 });
    const its = await allocate(eve);
    await eve.createPermission(relayed);
    await client.createPermission(its);
    await eve.sendIndication(relayed, MEDIA);
    await client.sendIndication(its, MEDIA);
    expect(carrier.flows).toEqual([]);
    await claim(room);
    await sendNow(peer, relayed, check(ANNS));
    await client.sendChannelData(CHANNEL, MEDIA);
    const heard = () => turn.lastRelayedAtMs(`r.ben.${ROOM}`, { roomKey: ROOM, peer: "ben" }) ?? 0;
    const beforeMs = heard();
    // Sent to it says nothing of it.
    carrier.live[0]?.carried({ sentPackets: 1, lastSentMs: beforeMs + 5000 });
    expect(heard()).toBe(beforeMs);
    carrier.live[0]?.carried({ receivedPackets: 1, lastReceivedMs: beforeMs + 7000 });
    expect(heard()).toBe(beforeMs + 7000);
    expect(turn.lastRelayedAtMs(`r.ann.${ROOM}`)).toBe(beforeMs + 7000);
    await target.close();
  });
});
