/** What of mobility (RFC 8016) no client sees, or cannot bring about; the rest is in test/conformance/rules/mobility.ts. */

import { describe, expect, it } from "vitest";
import { addressFamilyAttribute, uint32Attribute } from "../../../src/stun/attributes.ts";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";
import {
  allocate,
  assertRefusedAndKept,
  assertRelays,
  assertSuccess,
  permitEachOther,
  text,
} from "../../conformance/checks.ts";
import { type MemoryOptions, type MemoryTarget, openMemoryTarget } from "../../conformance/memory-target.ts";
import type { TargetSettings } from "../../conformance/target.ts";
import {
  allocateMobile,
  type Mobile,
  move,
  moveTo,
  TICKET_PLEASE,
  ticketAttribute,
} from "../../support/mobility.ts";
import type { TurnClient } from "../../support/turn-client.ts";
import { encodeRequest, keyOf } from "../../support/turn-request.ts";

interface Bench extends MemoryTarget {
  readonly mobile: Mobile;
}

async function openBench(settings?: TargetSettings, options?: MemoryOptions): Promise<Bench> {
  const memory = openMemoryTarget(settings, options);
  return { ...memory, mobile: await allocateMobile(await memory.target.client()) };
}

/** The client sends something, which completes its move. */
async function sendFrom(client: TurnClient): Promise<void> {
  await client.sendChannelData(0x7ff0, text("anything"));
}

/** A Refresh with this ticket, to be sent as often as one likes. */
async function refreshRequest(client: TurnClient, ticket: Uint8Array) {
  const proof = await client.authentication();
  const request = encodeRequest(METHOD.refresh, [ticketAttribute(ticket)], proof);
  return () => client.exchange(request, keyOf(proof));
}

describe("where mobility is off", () => {
  it("a wish for a ticket is refused with 405, a ticket in an Allocate with 400, and nothing is kept", async () => {
    const { target, turn } = openMemoryTarget({}, { mobility: false });
    const client = await target.client();
    const ticket = ticketAttribute(new Uint8Array(32));
    expect((await client.allocate({ attributes: [TICKET_PLEASE] })).outcome).toBe(405);
    expect((await client.allocate({ attributes: [ticket] })).outcome).toBe(400);
    expect(turn.allocationCount).toBe(0);
    await allocate(client);
    await assertRefusedAndKept(client, await client.refresh(0, [ticket]), 405);
  });
});

describe("the quota per address", () => {
  const ONE = { maxAllocationsPerAddress: 1 };

  it("holds for a move: 405, and nothing has changed", async () => {
    const { target, mobile, moves } = await openBench(ONE);
    const neighbour = await target.client({ as: target.bob, host: 1 });
    await allocate(neighbour);
    const moved = await target.client({ host: 1 });
    expect((await moveTo(moved, mobile.ticket)).outcome).toBe(405);
    await sendFrom(moved);
    assertSuccess(await mobile.client.refresh(), "Refresh from the old 5-tuple");
    assertSuccess(await neighbour.refresh(0), "Refresh(0) of the neighbour");
    await move(moved, mobile.ticket);
    expect(moves).toEqual([]);
  });

  it("counts a moving allocation at both of its addresses, and a moved one at the new one only", async () => {
    const { target, mobile } = await openBench(ONE);
    const moved = await target.client({ host: 1 });
    await move(moved, mobile.ticket);
    const others = [
      await target.client({ as: target.bob, host: 0 }),
      await target.client({ as: target.bob, host: 1 }),
    ] as const;
    const outcomes = async () => [(await others[0].allocate()).outcome, (await others[1].allocate()).outcome];
    expect(await outcomes()).toEqual([486, 486]);
    await sendFrom(moved);
    expect(await outcomes()).toEqual(["success", 486]);
    assertSuccess(await moved.refresh(0), "Refresh(0)");
    assertSuccess(await others[1].allocate(), "an Allocate at the new address");
  });

  it("is no hindrance to a move from one port to another of the same address", async () => {
    const { target, mobile } = await openBench(ONE);
    const moved = await target.client();
    await move(moved, mobile.ticket);
    const neighbour = await target.client({ as: target.bob });
    expect((await neighbour.allocate()).outcome).toBe(486);
    await sendFrom(moved);
    assertSuccess(await moved.refresh(0), "Refresh(0)");
    await allocate(neighbour);
  });

  it("has an idle allocation of the same user at the new address replaced, never the one that moves", async () => {
    const { target, mobile, turn } = await openBench(ONE);
    const idle = await target.client({ host: 1 });
    await allocate(idle);
    target.controls.advance(31);
    const moved = await target.client({ host: 1 });
    await move(moved, mobile.ticket);
    expect(turn.allocationCount).toBe(1);
    expect((await idle.refresh()).outcome).toBe(437);
    assertSuccess(await moved.refresh(), "Refresh from the new 5-tuple");
  });
});

it("the old ticket is known for 30 seconds: a retransmission has the same answer, later it has 437", async () => {
  const { target, mobile, turn } = await openBench();
  const moved = await target.client();
  const send = await refreshRequest(moved, mobile.ticket);
  const { mobilityTicket } = await send();
  await sendFrom(moved);
  target.controls.advance(29);
  const again = await send();
  expect([again.outcome, again.mobilityTicket]).toEqual(["success", mobilityTicket]);
  target.controls.advance(1);
  expect((await send()).outcome).toBe(437);
  expect(turn.ticketCount).toBe(2);
  assertSuccess(await moved.refresh(), "Refresh without a ticket");
});

it("an allocation has two tickets and two 5-tuples at most, however often it moves, and leaves none", async () => {
  const { target, mobile, turn, retainedCount } = await openBench();
  let { ticket } = mobile;
  for (let moves = 0; moves < 10; moves++) ticket = await move(await target.client(), ticket);
  expect([turn.ticketCount, retainedCount()]).toEqual([2, 2]);
  const last = await target.client();
  ticket = await move(last, ticket);
  await sendFrom(last);
  expect([turn.ticketCount, retainedCount()]).toEqual([2, 1]);
  assertSuccess(await last.refresh(0), "Refresh(0)");
  expect([turn.ticketCount, retainedCount(), turn.allocationCount]).toEqual([0, 0, 0]);
});

it("tickets are text of 32 characters: turnutils_uclient keeps no more, and no byte of 0", async () => {
  const { mobile } = await openBench();
  expect(Buffer.from(mobile.ticket).toString("latin1")).toMatch(/^[\w-]{32}$/);
});

it("a client that goes back before it has sent anything stays where it was", async () => {
  const { target, mobile, moves, retainedCount } = await openBench();
  const elsewhere = await target.client();
  const ticket = await move(elsewhere, mobile.ticket);
  const next = await move(mobile.client, ticket);
  expect(next).not.toEqual(ticket);
  expect(retainedCount()).toBe(1);
  expect((await elsewhere.refresh()).outcome).toBe(437);
  assertSuccess(await mobile.client.refresh(), "Refresh");
  expect(moves).toEqual([]);
});

it("what came with the allocation is good for it still: a rotated password, credentials that have expired", async () => {
  const { target, mobile } = await openBench();
  const moved = await target.client();
  await moved.authentication();
  target.controls.rotatePasswords();
  target.controls.expireCredentials();
  await move(moved, mobile.ticket);
  expect((await (await target.client()).allocate()).outcome).toBe(401);
});

it("a nonce of the old address is none at the new one: 438, and the ticket is good still", async () => {
  const { target, mobile, moves } = await openBench();
  const { nonce } = await mobile.client.authentication();
  const moved = await target.client({ host: 1 });
  const request = [ticketAttribute(mobile.ticket), uint32Attribute(ATTRIBUTE.lifetime, 600)];
  expect((await moved.request(METHOD.refresh, request, { nonce })).outcome).toBe(438);
  await sendFrom(moved);
  expect(moves).toEqual([]);
  await move(moved, mobile.ticket);
  await sendFrom(moved);
  expect(moves).toEqual([{ from: mobile.client.local, to: moved.local }]);
});

it("of two relayed addresses one can be deleted by the move; the other goes with the client", async () => {
  const { target } = openMemoryTarget();
  const client = await target.client();
  const answer = await client.allocate({ isDual: true, attributes: [TICKET_PLEASE] });
  const [ipv4] = answer.relayedAddresses;
  const moved = await target.client({ family: 6 });
  const ipv6 = addressFamilyAttribute(ATTRIBUTE.requestedAddressFamily, 6);
  const ticket = ticketAttribute(answer.mobilityTicket ?? new Uint8Array());
  assertSuccess(await moved.refresh(0, [ipv6, ticket]), "Refresh(0) of IPv6 with the ticket");
  expect((await moved.refresh(600, [ipv6])).outcome).toBe(443);
  const peer = await target.peer();
  assertSuccess(await moved.createPermission(peer.address), "CreatePermission");
  await sendFrom(moved);
  if (ipv4 === undefined) throw new Error("no IPv4 address");
  await assertRelays(moved, ipv4, peer);
});

it("what other clients of the relay send inside the process follows the client", async () => {
  const { target, mobile } = await openBench();
  const other = await target.client({ as: target.bob });
  const relayed = await allocate(other);
  await permitEachOther(mobile, { client: other, relayed });
  const moved = await target.client({ host: 1 });
  await move(moved, mobile.ticket);
  await sendFrom(moved);
  await other.sendIndication(mobile.relayed, text("inside"));
  expect((await moved.data.take()).data.toString()).toBe("inside");
  expect([target.controls.insidePackets, mobile.client.data.pending.length]).toEqual([1, 0]);
});

it("limits on bandwidth are those of where the client is", async () => {
  const { target, mobile } = await openBench(
    { maxBitsPerSecondPerAllocation: 8 },
    { isExempt: ({ w3 }) => (w3 & 255) === 1 },
  );
  const peer = await target.peer();
  assertSuccess(await mobile.client.createPermission(peer.address), "CreatePermission");
  const flood = async (client: TurnClient) => {
    const before = target.controls.drops["allocation-bandwidth"];
    for (let i = 0; i < 10; i++) await client.sendIndication(peer.address, new Uint8Array(50_000));
    return target.controls.drops["allocation-bandwidth"] - before;
  };
  expect(await flood(mobile.client)).toBe(0);
  const moved = await target.client({ host: 1 });
  await move(moved, mobile.ticket);
  expect(await flood(moved)).toBeGreaterThan(0);
});

describe("over a connection", () => {
  const TCP: MemoryOptions = { transport: "tcp" };

  it("an allocation with a ticket outlives the loss of its connection by 30 seconds, and lives on where its client comes back", async () => {
    const { target, turn, mobile, disconnect } = await openBench({}, TCP);
    const peer = await target.peer();
    assertSuccess(await mobile.client.createPermission(peer.address), "CreatePermission");
    disconnect(mobile.client.local);
    target.controls.advance(29);
    target.controls.sweep();
    const moved = await target.client();
    await move(moved, mobile.ticket);
    // There is no old 5-tuple to wait on.
    await peer.send(mobile.relayed, text("welcome back"));
    expect((await moved.data.take()).data.toString()).toBe("welcome back");
    target.controls.advance(200);
    target.controls.sweep();
    assertSuccess(await moved.refresh(), "Refresh");
    disconnect(moved.local);
    target.controls.advance(30);
    target.controls.sweep();
    expect([turn.allocationCount, turn.ticketCount]).toEqual([0, 0]);
  });

  it("one without a ticket ends with it", async () => {
    const { target, turn, disconnect } = openMemoryTarget({}, TCP);
    const client = await target.client();
    await allocate(client);
    disconnect(client.local);
    expect(turn.allocationCount).toBe(0);
  });

  it("the loss of the old one completes a move, the loss of the new one ends it", async () => {
    for (const [lost, heir] of [
      ["old", "new"],
      ["new", "old"],
    ] as const) {
      const { target, mobile, disconnect, retainedCount } = await openBench({}, TCP);
      const peer = await target.peer();
      assertSuccess(await mobile.client.createPermission(peer.address), "CreatePermission");
      const clients = { old: mobile.client, new: await target.client() };
      await move(clients.new, mobile.ticket);
      disconnect(clients[lost].local);
      expect(retainedCount()).toBe(1);
      await peer.send(mobile.relayed, text("here"));
      expect((await clients[heir].data.take()).data.toString()).toBe("here");
      await assertRelays(clients[heir], mobile.relayed, peer);
    }
  });
});

describe("in a room", () => {
  async function openRoom() {
    const memory = openMemoryTarget();
    const { target } = memory;
    const as = { ann: target.controls.member("blue", "ann"), ben: target.controls.member("blue", "ben") };
    const mobile = await allocateMobile(await target.client({ as: as.ann }));
    const ben = await target.client({ as: as.ben });
    await allocate(ben);
    return { ...memory, as, mobile, ben };
  }

  it("a member's new address is known to the others as its old one was", async () => {
    const { target, as, mobile, ben } = await openRoom();
    const moved = await target.client({ as: as.ann, host: 1 });
    await assertRefusedAndKept(ben, await ben.createPermission(moved.local), 403);
    await move(moved, mobile.ticket);
    assertSuccess(await ben.createPermission(moved.local), "CreatePermission for the new address");
  });

  it("another member with the ticket gets 441", async () => {
    const { target, as, mobile } = await openRoom();
    const thief = await target.client({ as: as.ben, host: 1 });
    expect((await moveTo(thief, mobile.ticket)).outcome).toBe(441);
    assertSuccess(await mobile.client.refresh(), "Refresh");
    assertSuccess(await thief.allocate(), "an Allocate of its own");
  });

  it("who leaves while its allocation moves leaves nothing on either 5-tuple", async () => {
    const { target, turn, as, mobile, ben, retainedCount } = await openRoom();
    const moved = await target.client({ as: as.ann, host: 1 });
    await move(moved, mobile.ticket);
    expect(retainedCount()).toBe(3);
    target.controls.leave("blue", "ann");
    expect([turn.allocationCount, turn.ticketCount, retainedCount()]).toEqual([1, 0, 1]);
    assertSuccess(await ben.refresh(), "Refresh of the other");
  });
});
