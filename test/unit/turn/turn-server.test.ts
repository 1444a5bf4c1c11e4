/** What no client sees: members who leave, links that fail. */

import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../src/config/parse.ts";
import { parseIp, type TransportAddress } from "../../../src/stun/address.ts";
import { evenPortAttribute, requestedTransportAttribute } from "../../../src/stun/attributes.ts";
import { ATTRIBUTE, METHOD, PROTOCOL_UDP } from "../../../src/stun/registry.ts";
import { allocate, assertSuccess } from "../../conformance/checks.ts";
import { type MemoryTarget, openMemoryTarget } from "../../conformance/memory-target.ts";
import { ALICE, BOB } from "../../conformance/target.ts";
import { transportTo } from "../../support/endpoint.ts";
import { allocateAttributes, TurnClient } from "../../support/turn-client.ts";
import { encodeRequest } from "../../support/turn-request.ts";

const UDP = requestedTransportAttribute(PROTOCOL_UDP);
const ROOM = { roomKey: "room", peer: "peer" };

function openRoom(): MemoryTarget {
  return openMemoryTarget({}, { room: ROOM });
}

/** Relay sockets are opened later than they are asked for. */
function allSocketsOpened(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

it("a browser's first Allocate is challenged under the longest realm that can be set", async () => {
  const realm = "r".repeat(60);
  expect(parseConfig({ realm }).realm).toBe(realm);
  expect(() => parseConfig({ realm: `${realm}r` })).toThrow("must be text of 1 to 60 bytes");
  const { target } = openMemoryTarget({}, { realm });
  // REQUESTED-TRANSPORT and nothing else: the smallest that a client sends.
  await allocate(await target.client({ family: 4 }));
  await target.close();
});

it("a member who leaves while its relay socket opens gets no allocation, and the socket is given back", async () => {
  const { turn, target, allocator, retainedCount } = openRoom();
  const client = await target.client();
  await client.sendRaw(encodeRequest(METHOD.allocate, [UDP], await client.authentication()));
  turn.closeMember(ROOM.roomKey, "somebody else");
  expect(retainedCount()).toBe(1);
  turn.closeMember(ROOM.roomKey, ROOM.peer);
  await allSocketsOpened();
  expect([turn.allocationCount, allocator.openCount, retainedCount()]).toEqual([0, 0, 0]);
  expect(client.strays).toEqual([]);
  await allocate(client);
  await target.close();
});

it("a connection that closes while relay sockets open leaves nothing: no allocation, socket, reservation or place in a quota", async () => {
  const limits = { maxAllocations: 2, maxAllocationsPerAddress: 2, maxAllocationsPerUser: 2 };
  const { turn, target, allocator, retainedCount, disconnect } = openMemoryTarget(limits, {
    transport: "tcp",
  });
  const withReservation = [UDP, evenPortAttribute(true)];
  const ofBothFamilies = allocateAttributes({ isDual: true });
  for (const attributes of [[UDP], withReservation, ofBothFamilies]) {
    const client = await target.client();
    await client.sendRaw(encodeRequest(METHOD.allocate, attributes, await client.authentication()));
    expect(retainedCount()).toBe(1);
    disconnect(client.local);
    expect(retainedCount()).toBe(0);
    await allSocketsOpened();
    expect([turn.allocationCount, turn.reservationCount, allocator.openCount]).toEqual([0, 0, 0]);
    expect(client.strays).toEqual([]);
  }
  const client = await target.client();
  assertSuccess(await client.allocate({ isDual: true }), "Allocate of all that the quotas allow");
  disconnect(client.local);
  expect([turn.allocationCount, allocator.openCount, retainedCount()]).toEqual([0, 0, 0]);
  await target.close();
});

it("what a member has reserved ends with its seat", async () => {
  const { turn, target, allocator } = openRoom();
  const client = await target.client();
  assertSuccess(await client.allocate({ attributes: [evenPortAttribute(true)] }), "Allocate");
  expect([turn.reservationCount, allocator.openCount]).toEqual([1, 2]);
  assertSuccess(await client.refresh(0), "Refresh(0)");
  turn.closeMember(ROOM.roomKey, "somebody else");
  expect([turn.reservationCount, allocator.openCount]).toEqual([1, 1]);
  turn.closeMember(ROOM.roomKey, ROOM.peer);
  expect([turn.reservationCount, allocator.openCount]).toEqual([0, 0]);
  await target.close();
});

it("what a member has reserved and redeemed ends once", async () => {
  const { turn, target, allocator } = openRoom();
  const [client, second] = [await target.client(), await target.client()];
  const { reservationToken: value } = await client.allocate({ attributes: [evenPortAttribute(true)] });
  const token = { type: ATTRIBUTE.reservationToken, value: value ?? new Uint8Array() };
  assertSuccess(await second.allocate({ attributes: [token] }), "Allocate with RESERVATION-TOKEN");
  turn.closeMember(ROOM.roomKey, ROOM.peer);
  expect([turn.allocationCount, turn.reservationCount, allocator.openCount]).toEqual([0, 0, 0]);
  await target.close();
});

it("a static user who is none any more loses its allocations, those that open, and what it has reserved; nobody else does", async () => {
  const { turn, target, allocator } = openMemoryTarget();
  const [ending, opening, staying] = [
    await target.client(),
    await target.client(),
    await target.client({ as: BOB }),
  ];
  assertSuccess(await ending.allocate({ attributes: [evenPortAttribute(true)] }), "Allocate");
  await allocate(staying);
  const proof = await opening.authentication();
  await opening.sendRaw(encodeRequest(METHOD.allocate, [UDP], proof));
  turn.closeStaticUser(ALICE.username);
  await allSocketsOpened();
  expect([turn.allocationCount, turn.reservationCount, allocator.openCount]).toEqual([1, 0, 1]);
  expect((await ending.refresh()).outcome).toBe(437);
  assertSuccess(await staying.refresh(), "Refresh of another user");
  await target.close();
});

describe("a link that fails", () => {
  const defect = new Error("the link is broken");

  /** A client that is served, until its link breaks: then whatever the relay sends to it throws. */
  async function openBreakable(memory: MemoryTarget) {
    const endpoint = memory.network.open(parseIp("81.2.69.7") as TransportAddress);
    const client = new TurnClient(transportTo(memory.target.serverAddress(4), endpoint), ALICE, 100);
    const proof = await client.authentication();
    const breakLink = () =>
      endpoint.onPacket(() => {
        throw defect;
      });
    return { client, proof, breakLink };
  }

  /** The relay has told of its defects, and serves everybody else. */
  async function assertServes({ target, failures }: MemoryTarget, defects: number): Promise<void> {
    expect(failures.splice(0)).toEqual(Array.from({ length: defects }, () => defect));
    await allocate(await target.client());
    await target.close();
  }

  it("with the answer to a request is reported", async () => {
    const memory = openMemoryTarget();
    const { client, proof, breakLink } = await openBreakable(memory);
    breakLink();
    await client.sendRaw(encodeRequest(METHOD.refresh, [], proof));
    await assertServes(memory, 1);
  });

  it("with the answer to an Allocate, when the socket has opened, is reported", async () => {
    const memory = openMemoryTarget();
    const { client, proof, breakLink } = await openBreakable(memory);
    breakLink();
    await client.sendRaw(encodeRequest(METHOD.allocate, [UDP], proof));
    await allSocketsOpened();
    await assertServes(memory, 1);
  });

  it("with a packet from a relay target is reported", async () => {
    const memory = openMemoryTarget();
    const [{ client, breakLink }, peer] = [await openBreakable(memory), await memory.target.peer()];
    const relayed = await allocate(client);
    assertSuccess(await client.createPermission(peer.address), "CreatePermission");
    breakLink();
    await peer.send(relayed, Buffer.from("to nobody"));
    await assertServes(memory, 1);
  });
});
