/** Hostile packets against the relay in memory: it must not fail, not grow, not amplify, and serve afterwards. */

import { describe, expect, test } from "vitest";
import { formatIp, parseIp, type TransportAddress } from "../../src/stun/address.ts";
import {
  channelNumberAttribute,
  evenPortAttribute,
  requestedTransportAttribute,
  uint32Attribute,
} from "../../src/stun/attributes.ts";
import { encodeMessage } from "../../src/stun/message.ts";
import { passwordAlgorithmsAttribute } from "../../src/stun/password-algorithm.ts";
import { ATTRIBUTE, METHOD } from "../../src/stun/registry.ts";
import { allocate, assertRelays, assertSuccess } from "../conformance/checks.ts";
import { type MemoryTarget, openMemoryTarget } from "../conformance/memory-target.ts";
import { answerTo, binding, check } from "../support/ice-check.ts";
import { TICKET_PLEASE, ticketAttribute } from "../support/mobility.ts";
import { Mutator } from "../support/mutator.ts";
import { allocateAttributes, peerAttribute, type TurnClient } from "../support/turn-client.ts";
import { type Authentication, encodeChannelData, encodeRequest } from "../support/turn-request.ts";

const UDP = requestedTransportAttribute(17);
const LIMITS = { unauthenticatedBurst: 1e9 };
const COUNT = 100_000;
const ANNS = "the ice password of Ann..";
const STRANGERS = "the ice password of Eve..";
const MEDIA = Buffer.from("media");
/** DESIGN section 6: to a claimed address that does not prove itself. */
const MAX_CHECKS = 200;

/** Requests and data of every kind, with this proof. */
function packetsWith(proof: Authentication, peer: TransportAddress, ticket: Uint8Array): Uint8Array[] {
  const transactionId = new Uint8Array(12).fill(9);
  const address = peerAttribute(peer, transactionId);
  const data = { type: ATTRIBUTE.data, value: Buffer.from("data") };
  const passwordAlgorithms = passwordAlgorithmsAttribute(["sha256", "md5"]).value;
  const modern: Authentication = { ...proof, algorithm: "sha256", passwordAlgorithms };
  const indication = { method: METHOD.send, messageClass: "indication", transactionId } as const;
  return [
    encodeRequest(METHOD.binding, [], undefined, { fingerprint: true }),
    encodeRequest(METHOD.allocate, [UDP], undefined),
    encodeRequest(METHOD.allocate, [UDP, evenPortAttribute(true)], proof),
    encodeRequest(METHOD.refresh, [uint32Attribute(ATTRIBUTE.lifetime, 600)], proof, { fingerprint: true }),
    encodeRequest(METHOD.allocate, [UDP, TICKET_PLEASE], proof),
    encodeRequest(METHOD.refresh, [ticketAttribute(ticket)], proof),
    encodeRequest(METHOD.createPermission, [address], proof, { transactionId }),
    encodeRequest(METHOD.channelBind, [channelNumberAttribute(0x4000), address], proof, { transactionId }),
    encodeRequest(METHOD.allocate, allocateAttributes({ isDual: true }), modern),
    encodeRequest(METHOD.refresh, [], { ...modern, isAnonymous: true, integrity: "both" }),
    encodeMessage(indication, [address, data]),
    encodeChannelData(0x4000, Buffer.from("data")),
    encodeChannelData(0x4000, Buffer.from("data"), 2),
  ];
}

interface Live {
  readonly memory: MemoryTarget;
  readonly client: TurnClient;
  readonly relayed: TransportAddress;
  readonly proof: Authentication;
  readonly ticket: Uint8Array;
}

/** A relay with one allocation of both families, one permission and one channel. */
async function openLive(): Promise<
  Live & { readonly peer: Awaited<ReturnType<MemoryTarget["target"]["peer"]>> }
> {
  const memory = openMemoryTarget(LIMITS);
  const [client, peer] = [await memory.target.client(), await memory.target.peer()];
  const { mobilityTicket: ticket, relayedAddress: relayed } = await client.allocate({
    isDual: true,
    attributes: [TICKET_PLEASE],
  });
  if (relayed === undefined || ticket === undefined) throw new Error("no mobile allocation");
  assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
  return { memory, client, relayed, proof: await client.authentication(), ticket, peer };
}

function stateOf({ turn, allocator, network, retainedCount, failures }: MemoryTarget): object {
  return {
    allocations: turn.allocationCount,
    reservations: turn.reservationCount,
    tickets: turn.ticketCount,
    relaySockets: allocator.openCount,
    endpoints: network.endpointCount,
    links: retainedCount(),
    failures: failures.length,
  };
}

describe("100,000 mutated packets", () => {
  test("from a client that has an allocation leave it as it was, and working", async () => {
    const { memory, client, proof, ticket, peer } = await openLive();
    const before = stateOf(memory);
    const mutator = new Mutator(8656, packetsWith(proof, peer.address, ticket));
    for (let i = 0; i < COUNT; i++) {
      await client.sendRaw(mutator.next());
      client.strays.length = 0;
      if (i % 1000 === 0) peer.packets.drain();
    }
    expect(stateOf(memory)).toEqual(before);
    peer.packets.drain();
    assertSuccess(await client.refresh(600), "Refresh");
    assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
    await client.sendChannelData(0x4000, Buffer.from("still here"));
    expect((await peer.packets.take()).data.toString()).toBe("still here");
    await memory.target.close();
  });

  test("from strangers leave nothing behind, and no answer is 2.5 times its request", async () => {
    const { memory, client, relayed, proof, ticket, peer } = await openLive();
    const { network, target } = memory;
    const server = target.serverAddress(4);
    const stranger = network.open(parseIp("198.41.0.4") as TransportAddress);
    let answered = 0;
    stranger.onPacket((bytes) => {
      answered += bytes.length + 28;
    });
    const before = stateOf(memory);
    const wrong = { ...proof, password: "wrong" };
    const mutator = new Mutator(8489, packetsWith(wrong, peer.address, ticket));
    let worst = 0;
    for (let i = 0; i < COUNT; i++) {
      const packet = mutator.next();
      answered = 0;
      stranger.sendNow(server, packet);
      worst = Math.max(worst, answered / (packet.length + 28));
    }
    expect(stateOf(memory)).toEqual(before);
    expect(worst).toBeGreaterThan(1);
    expect(worst).toBeLessThanOrEqual(2.5);
    expect(peer.packets.pending).toEqual([]);
    assertSuccess(await client.createPermission(peer.address), "CreatePermission");
    // On a bound channel the peer's answer comes as ChannelData.
    await assertRelays(client, relayed, peer);
    await target.close();
  });

  test("from a peer and from strangers to the relayed address pass as they are, or not at all", async () => {
    const { memory, client, relayed, proof, ticket, peer } = await openLive();
    const stranger = memory.network.open(parseIp("198.41.0.4") as TransportAddress);
    const before = stateOf(memory);
    const mutator = new Mutator(5766, packetsWith(proof, peer.address, ticket));
    for (let i = 0; i < COUNT / 10; i++) {
      const packet = mutator.next();
      stranger.sendNow(relayed, packet);
      await peer.send(relayed, packet);
      const [data, ...more] = client.data.drain();
      expect(data?.data.equals(packet)).toBe(true);
      expect(more).toEqual([]);
    }
    expect(stateOf(memory)).toEqual(before);
    await assertRelays(client, relayed, peer);
    await memory.target.close();
  });
});

test("100,000 mutated ICE checks to and from a claimed address prove nothing, and the right one does", async () => {
  const memory = openMemoryTarget(LIMITS);
  const { target } = memory;
  const { controls } = target;
  const [client, peer] = [await target.client({ as: controls.member("blue", "ann") }), await target.peer()];
  controls.signal("blue", "ben", "ann", { addresses: [formatIp(peer.address)] });
  controls.signal("blue", "ann", "ben", { icePasswords: [ANNS] });
  const relayed = await allocate(client);
  assertSuccess(await client.createPermission(peer.address), "CreatePermission");
  const before = stateOf(memory);
  const mutator = new Mutator(8445, [
    ...[check(STRANGERS), binding("indication"), answerTo(check(STRANGERS), STRANGERS)],
    encodeRequest(METHOD.binding, [], undefined, { fingerprint: true }),
  ]);
  let sent = 0;
  for (let i = 0; i < COUNT / 2; i++) {
    await peer.send(relayed, mutator.next());
    await client.sendIndication(peer.address, mutator.next());
    client.data.drain();
    sent += peer.packets.drain().length;
    if (i % 1000 !== 0) continue;
    controls.advance(1);
    assertSuccess(await client.createPermission(peer.address), "CreatePermission");
    await peer.send(relayed, MEDIA);
    expect(client.data.drain()).toEqual([]);
  }
  expect(stateOf(memory)).toEqual(before);
  expect(sent).toBeGreaterThan(0);
  expect(sent).toBeLessThanOrEqual(MAX_CHECKS);
  await peer.send(relayed, check(ANNS));
  await peer.send(relayed, MEDIA);
  expect((await client.data.take()).data.length).toBeGreaterThan(MEDIA.length);
  expect((await client.data.take()).data).toEqual(MEDIA);
  await target.close();
});

test("50,000 unauthenticated Allocates from 50,000 sources leave nothing behind", async () => {
  const { memory, client } = await openLive();
  const before = stateOf(memory);
  const request = encodeRequest(METHOD.allocate, [UDP], undefined);
  const { network, target } = memory;
  const server = target.serverAddress(4);
  for (let i = 0; i < 50_000; i++) {
    const source = network.open({ family: 4, w0: 0, w1: 0, w2: 0, w3: 0xc6290000 + i }, 5000);
    source.sendNow(server, request);
    source.closeNow();
  }
  expect(stateOf(memory)).toEqual(before);
  assertSuccess(await client.refresh(600), "Refresh");
  await target.close();
});
