/** What may be relayed in a time, by the relay's own clock: of an allocation, of a room, in all. */

import { afterEach, expect, it } from "vitest";
import type { TransportAddress } from "../../../src/stun/address.ts";
import { Bandwidth } from "../../../src/turn/bandwidth.ts";
import type { TurnLimits } from "../../../src/turn/relay-state.ts";
import { allocate, assertSuccess } from "../../conformance/checks.ts";
import { DEFAULT_LIMITS } from "../../conformance/limits.ts";
import { type MemoryOptions, type MemoryTarget, openMemoryTarget } from "../../conformance/memory-target.ts";
import type { Peer } from "../../conformance/target.ts";
import type { TurnClient } from "../../support/turn-client.ts";

/** What a packet weighs beside its data. */
const HEADER = 28;
const DATA = Buffer.alloc(1200 - HEADER);
const WEIGHT = DATA.length + HEADER;
const RATE = 960_000;
const PACKETS_PER_SECOND = RATE / 8 / WEIGHT;
/** What every bucket holds at least, in whole packets. */
const LEAST_BURST = Math.floor(262_144 / WEIGHT);
const ROOM = { roomKey: "room", peer: "peer" };
const CHANNEL = 0x4000;

const open: MemoryTarget[] = [];
afterEach(async () => {
  for (const { target } of open.splice(0)) await target.close();
});

function openRelay(limits: Partial<TurnLimits>, options: MemoryOptions = { room: ROOM }): MemoryTarget {
  const memory = openMemoryTarget(limits, options);
  open.push(memory);
  return memory;
}

interface Sender {
  readonly client: TurnClient;
  readonly relayed: TransportAddress;
  readonly peer: Peer;
}

async function openSender({ target }: MemoryTarget): Promise<Sender> {
  const [client, peer] = [await target.client(), await target.peer()];
  const relayed = await allocate(client);
  assertSuccess(await client.channelBind(CHANNEL, peer.address), "ChannelBind");
  return { client, relayed, peer };
}

/** Packets that are no more than sent: how many of them arrived. */
async function send({ client, peer }: Sender, count: number, data = DATA): Promise<number> {
  const before = peer.packets.pending.length;
  for (let i = 0; i < count; i++) await client.sendChannelData(CHANNEL, data);
  return peer.packets.pending.length - before;
}

it("an allocation has its burst, then its rate; what is over is dropped and counted, and nothing else of it", async () => {
  const memory = openRelay({ maxBitsPerSecondPerAllocation: RATE });
  const sender = await openSender(memory);
  const tries = 2 * LEAST_BURST;
  expect(await send(sender, tries)).toBe(LEAST_BURST);
  const { counters } = memory.turn;
  expect(counters.drops["allocation-bandwidth"]).toBe(tries - LEAST_BURST);
  expect([counters.sentPackets, counters.sentBytes]).toEqual([LEAST_BURST, LEAST_BURST * DATA.length]);
  memory.target.controls.advance(1);
  const second = await send(sender, tries);
  expect(Math.abs(second - PACKETS_PER_SECOND)).toBeLessThanOrEqual(1);
  assertSuccess(await sender.client.refresh(), "requests are not held back");
  expect(await send(await openSender(memory), 1)).toBe(1);
});

it("both ways together are the allocation's rate", async () => {
  const memory = openRelay({ maxBitsPerSecondPerAllocation: RATE });
  const { client, relayed, peer } = await openSender(memory);
  for (let i = 0; i < LEAST_BURST; i++) {
    if (i % 2 === 0) await client.sendChannelData(CHANNEL, DATA);
    else await peer.send(relayed, DATA);
  }
  expect(memory.turn.counters.drops["allocation-bandwidth"]).toBe(0);
  await peer.send(relayed, DATA);
  await client.sendIndication(peer.address, DATA);
  expect(memory.turn.counters.drops["allocation-bandwidth"]).toBe(2);
});

it("a key frame of 200 kB in one burst passes at any rate, and empty packets are not free", async () => {
  const memory = openRelay({ maxBitsPerSecondPerRoom: 64_000 });
  const sender = await openSender(memory);
  const packets = Math.ceil(200_000 / DATA.length);
  expect(await send(sender, packets)).toBe(packets);
  const left = Math.floor((262_144 - packets * WEIGHT) / HEADER);
  expect(await send(sender, 2 * left, Buffer.alloc(0))).toBe(left);
  expect(memory.turn.counters.drops["room-bandwidth"]).toBe(left);
});

it("the burst is a time at the rate where that is more", async () => {
  const burstMs = 2000;
  const rate = 9_600_000;
  const memory = openRelay({ maxBitsPerSecondPerRoom: rate, bandwidthBurstMilliseconds: burstMs });
  const expected = ((rate / 8) * (burstMs / 1000)) / WEIGHT;
  expect(await send(await openSender(memory), expected + 10)).toBe(expected);
});

it("a room's members share its rate, and another user's packets are not the room's", async () => {
  const memory = openRelay({ maxBitsPerSecondPerRoom: RATE });
  const [first, second] = [await openSender(memory), await openSender(memory)];
  expect(await send(first, LEAST_BURST)).toBe(LEAST_BURST);
  expect(await send(second, 1)).toBe(0);
  const outside = await openSender(openRelay({ maxBitsPerSecondPerRoom: RATE }, {}));
  expect(await send(outside, 3 * LEAST_BURST)).toBe(3 * LEAST_BURST);
});

it("all share the total, members and others", async () => {
  const memory = openRelay({ maxBitsPerSecond: RATE }, {});
  const first = await openSender(memory);
  expect(await send(first, LEAST_BURST + 1)).toBe(LEAST_BURST);
  expect(await send(await openSender(memory), 1)).toBe(0);
  expect(memory.turn.counters.drops["total-bandwidth"]).toBe(2);
});

it("inside the process a packet counts once for the room and the total, and once for each of the two allocations", async () => {
  for (const limit of [
    "maxBitsPerSecondPerRoom",
    "maxBitsPerSecond",
    "maxBitsPerSecondPerAllocation",
  ] as const) {
    const memory = openRelay({ [limit]: RATE });
    const [a, b] = [await openSender(memory), await openSender(memory)];
    assertSuccess(await a.client.createPermission(b.relayed), "CreatePermission");
    assertSuccess(await b.client.createPermission(a.relayed), "CreatePermission");
    for (let i = 0; i < LEAST_BURST; i++) await a.client.sendIndication(b.relayed, DATA);
    expect(b.client.data.pending.length).toBe(LEAST_BURST);
    await a.client.sendIndication(b.relayed, DATA);
    await b.client.sendIndication(a.relayed, DATA);
    expect([a.client.data.pending.length, b.client.data.pending.length]).toEqual([0, LEAST_BURST]);
    expect(memory.turn.counters.insidePackets).toBe(LEAST_BURST);
  }
});

it("a room's bucket outlives its allocations until it is full again: allocating anew is no new burst", async () => {
  const memory = openRelay({ maxBitsPerSecondPerRoom: RATE });
  const first = await openSender(memory);
  expect(await send(first, LEAST_BURST)).toBe(LEAST_BURST);
  assertSuccess(await first.client.refresh(0), "Refresh(0)");
  memory.target.controls.sweep();
  expect(await send(await openSender(memory), 1)).toBe(0);
});

it("nothing is kept of a room that is over", () => {
  const bandwidth = new Bandwidth({ ...DEFAULT_LIMITS, maxBitsPerSecondPerRoom: RATE });
  const user = { userId: "user", keys: { md5: [], sha256: [] }, room: ROOM };
  const [one, two] = [bandwidth.bucketsFor(user, false), bandwidth.bucketsFor(user, false)];
  expect(one.room).toBe(two.room);
  one.room?.take(RATE / 8, 0);
  for (const buckets of [one, two]) {
    bandwidth.sweep(10_000);
    expect(bandwidth.roomCount).toBe(1);
    bandwidth.forget(buckets, user);
  }
  bandwidth.sweep(999);
  expect(bandwidth.roomCount).toBe(1);
  bandwidth.sweep(1000);
  expect(bandwidth.roomCount).toBe(0);
});

it("who is exempt is neither held back nor counted", () => {
  const bandwidth = new Bandwidth({
    ...DEFAULT_LIMITS,
    maxBitsPerSecondPerAllocation: RATE,
    maxBitsPerSecondPerRoom: RATE,
    maxBitsPerSecond: RATE,
  });
  const user = { userId: "user", keys: { md5: [], sha256: [] }, room: ROOM };
  expect(bandwidth.bucketsFor(user, true)).toEqual({ own: undefined, room: undefined, total: undefined });
  expect(bandwidth.roomCount).toBe(0);
});
