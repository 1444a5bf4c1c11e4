/** Hostile packets through the decoder, the framer and the relay in memory; the projects `fuzz` and `e2e` differ in how many. */

import { describe, expect, test } from "vitest";
import type { TransportAddress } from "../../src/stun/address.ts";
import { decodeMessage, findAttribute } from "../../src/stun/message.ts";
import { ATTRIBUTE, METHOD } from "../../src/stun/registry.ts";
import { MAX_FRAME_BYTES, StreamFramer } from "../../src/turn/stream-framer.ts";
import { allocate, assertRelays, assertSuccess } from "../conformance/checks.ts";
import { type MemoryTarget, openMemoryTarget } from "../conformance/memory-target.ts";
import { BOB, REALM } from "../conformance/target.ts";
import { fuzzPackets, fuzzSeed } from "./fuzz-settings.ts";
import { liveHeapBytes } from "./heap.ts";
import { HostilePackets } from "./hostile-packets.ts";
import { SeededRandom } from "./seeded-random.ts";
import type { TurnClient } from "./turn-client.ts";
import { encodeChannelData, encodeRequest } from "./turn-request.ts";

/** What a leak of five bytes per packet exceeds, in a run of a million. */
export const MAX_HEAP_GROWTH_BYTES = 4 * 1024 * 1024;
const CLIENTS = 8;
const PACKETS_PER_TURN = 50;
const PACKETS_PER_SECOND = 2000;
const SOMEWHERE: TransportAddress = { family: 4, w0: 0, w1: 0, w2: 0, w3: 0x59a01401, port: 7000 };
/** Nobody may be relayed there. */
const PRIVATE: TransportAddress = { ...SOMEWHERE, w3: 0x0a000001 };
/** Every handler, and every way out of it that a client has with an allocation or without. */
const REACHED = Object.entries({
  binding: [0, 420],
  allocate: [0, 400, 401, 420, 437, 438],
  refresh: [0, 400, 401, 420, 437, 438, 443],
  createPermission: [0, 400, 401, 403, 420, 437, 438, 443],
  channelBind: [0, 400, 401, 403, 420, 437, 438, 443],
}).flatMap(([method, codes]) => codes.map((code) => `${method} ${code}`));
const LIMITS = { maxAllocationsPerUser: 40, unauthenticatedBurst: 200, unauthenticatedPerSecond: 50 };

export function describeMemoryFuzz(usually: number): void {
  const count = fuzzPackets(usually);
  const timeout = 60_000 + count / 5;
  describe(`${count} hostile packets`, () => {
    test("through the decoder: each is a message or refused", { timeout }, () => decode(count));
    test("through the framer, cut anywhere: frames or an end", { timeout }, () => frame(count));
    test("through the relay: it serves as before and has not grown", { timeout }, () => relay(count));
  });
}

function forged(random: SeededRandom): HostilePackets {
  return new HostilePackets(random, { ...BOB, realm: REALM, nonce: "obMatJos2AAAB" }, [SOMEWHERE]);
}

/** Calls `step` this often, and looks at the heap after the first tenth and at the end. */
async function withinHeap(count: number, step: (index: number) => void | Promise<void>): Promise<void> {
  let early = 0;
  for (let index = 0; index < count; index++) {
    await step(index);
    if (index === Math.floor(count / 10)) early = liveHeapBytes();
  }
  expect(liveHeapBytes() - early).toBeLessThan(MAX_HEAP_GROWTH_BYTES);
}

async function decode(count: number): Promise<void> {
  const packets = forged(new SeededRandom(fuzzSeed()));
  const outcomes = new Set<string>();
  await withinHeap(count, () => {
    const bytes = packets.next();
    const decoded = decodeMessage(bytes);
    outcomes.add(decoded.ok ? "message" : decoded.reason);
    if (!decoded.ok) return;
    for (const { value } of decoded.message.attributes) {
      const start = value.byteOffset - bytes.byteOffset;
      if (start < 24 || start + value.length > bytes.length)
        throw new Error("a value outside of its message");
    }
  });
  expect([...outcomes].sort()).toEqual([
    "attribute-overrun",
    "message",
    "not-stun",
    "too-many-attributes",
    "too-short",
    "wrong-cookie",
    "wrong-length",
  ]);
  const valid = decodeMessage(encodeRequest(METHOD.refresh, [], { ...BOB, realm: REALM, nonce: "n" }));
  const realm = valid.ok ? findAttribute(valid.message, ATTRIBUTE.realm) : undefined;
  expect(Buffer.from(realm ?? []).toString()).toBe(REALM);
}

/** Several packets in one segment, parts of one in several; a stream that has ended is followed by another. */
async function frame(count: number): Promise<void> {
  const random = new SeededRandom(fuzzSeed());
  const packets = forged(random);
  let frames = 0;
  let streams = 1;
  const open = () =>
    new StreamFramer((_buffer, start, end) => {
      if (end <= start || end - start > MAX_FRAME_BYTES) throw new Error("a frame without a size");
      frames++;
    });
  let framer = open();
  await withinHeap(count, () => {
    const packet = random.once(50) ? packets.next() : packets.nextFrame();
    for (let at = 0; at < packet.length; ) {
      const next = random.once(2) ? packet.length : at + 1 + random.below(packet.length - at);
      const isSound = framer.push(packet.subarray(at, next), MAX_FRAME_BYTES);
      if (framer.heldBytes >= MAX_FRAME_BYTES) throw new Error("more is held than a frame");
      at = next;
      if (isSound) continue;
      framer = open();
      streams++;
      return;
    }
  });
  expect(frames).toBeGreaterThan(count / 4);
  expect(streams).toBeGreaterThan(count / 1000);
  const last: number[] = [];
  new StreamFramer((_buffer, start, end) => last.push(end - start)).push(
    encodeChannelData(0x4000, Buffer.from("data")),
    MAX_FRAME_BYTES,
  );
  expect(last).toEqual([8]);
}

async function openAttack(random: SeededRandom) {
  const memory = openMemoryTarget(LIMITS);
  const { target } = memory;
  const [valid, peer] = [await target.client(), await target.peer()];
  const relayed = await allocate(valid);
  assertSuccess(await valid.createPermission(peer.address), "CreatePermission");
  const enemy = await target.peer({ host: 1 });
  const others = [peer.address, enemy.address, relayed, SOMEWHERE, PRIVATE];
  others.push((await target.peer({ family: 6 })).address);
  // Of each other.
  for (let n = 1; n <= CLIENTS; n++) others.push({ ...relayed, port: relayed.port + n });
  const attackers: { client: TurnClient; packets: HostilePackets }[] = [];
  for (let n = 0; n < CLIENTS; n++) {
    const client = await target.client({ as: BOB, host: n % 2 === 0 ? 0 : 1 });
    attackers.push({ client, packets: new HostilePackets(random, await client.authentication(), others) });
  }
  return { memory, valid, relayed, peer, enemy, attackers };
}

/** Over live allocations, while time passes and things expire. */
async function relay(count: number): Promise<void> {
  const random = new SeededRandom(fuzzSeed());
  const { memory, valid, relayed, peer, enemy, attackers } = await openAttack(random);
  const { target, turn } = memory;
  await withinHeap(count, async (index) => {
    const { client, packets } = random.pick(attackers);
    // What a peer sends may be anything, and go to any relayed address.
    if (random.once(20))
      await enemy.send({ ...relayed, port: relayed.port + random.below(30) }, packets.next());
    else await client.sendRaw(packets.next());
    if (index % PACKETS_PER_TURN === 0) {
      for (const attacker of attackers) attacker.client.strays.length = 0;
      for (const { data } of attackers.map((attacker) => attacker.client)) data.drain();
      for (const { packets } of [peer, enemy]) packets.drain();
      assertBounded(memory);
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (index % PACKETS_PER_SECOND === 0) {
      target.controls.advance(1);
      turn.sweep();
      assertSuccess(await valid.createPermission(peer.address), "CreatePermission while the attack goes on");
      if (index % (PACKETS_PER_SECOND * 100) === 0) assertSuccess(await valid.refresh(600), "Refresh");
    }
  });
  const { sentPackets, receivedPackets, insidePackets } = turn.counters;
  expect(Math.min(sentPackets, receivedPackets, insidePackets)).toBeGreaterThan(count / 5000);
  expect([...memory.answers.keys()]).toEqual(expect.arrayContaining(REACHED));
  valid.data.drain();
  peer.packets.drain();
  await assertRelays(valid, relayed, peer);
  await endAttack(memory, attackers, random);
  await target.close();
}

function assertBounded({ turn, allocator, failures, retainedCount }: MemoryTarget): void {
  expect(failures).toEqual([]);
  expect(turn.allocationCount).toBeLessThanOrEqual(CLIENTS + 1);
  expect(retainedCount()).toBeLessThanOrEqual(CLIENTS + 1);
  expect(turn.reservationCount).toBeLessThanOrEqual(LIMITS.maxAllocationsPerUser);
  // At most two addresses each.
  expect(allocator.openCount).toBeLessThanOrEqual(LIMITS.maxAllocationsPerUser + 2);
}

/** When the attackers are silent all that was theirs expires, and they are served like anybody else. */
async function endAttack(
  { turn, target, allocator, retainedCount }: MemoryTarget,
  attackers: readonly { readonly client: TurnClient }[],
  random: SeededRandom,
): Promise<void> {
  // What is being opened is there, or given back.
  await new Promise((resolve) => setImmediate(resolve));
  target.controls.advance(3600);
  turn.sweep();
  expect([turn.allocationCount, turn.reservationCount, allocator.openCount, retainedCount()]).toEqual([
    0, 0, 0, 0,
  ]);
  const { client } = random.pick(attackers);
  expect((await client.allocate()).outcome).toBe(438);
  await allocate(client);
}
