/** What no client sees, or cannot bring about, of an allocation with two relayed addresses. */

import { expect, it } from "vitest";
import { METHOD } from "../../../src/stun/registry.ts";
import type { RelaySocketResult } from "../../../src/turn/ports.ts";
import { allocateBoth, assertSuccess } from "../../conformance/checks.ts";
import { type MemoryTarget, openMemoryTarget } from "../../conformance/memory-target.ts";
import { allocateAttributes } from "../../support/turn-client.ts";
import { encodeRequest } from "../../support/turn-request.ts";

const ROOM = { roomKey: "room", peer: "peer" };

/** From here on there is no port of these families. */
function withoutPorts({ allocator }: MemoryTarget, ...families: readonly number[]): void {
  const open = allocator.open.bind(allocator);
  allocator.open = (request, done: (result: RelaySocketResult) => void) => {
    if (families.includes(request.family)) done({ ok: false, reason: "no-port" });
    else open(request, done);
  };
}

/** Relay sockets are opened later than they are asked for. */
function allSocketsOpened(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

it("an address whose port cannot be had is named with 508, and the other one is given", async () => {
  for (const [missing, had] of [
    [6, 4],
    [4, 6],
  ] as const) {
    const memory = openMemoryTarget();
    withoutPorts(memory, missing);
    const client = await memory.target.client();
    const answer = await client.allocate({ isDual: true });
    assertSuccess(answer, "Allocate");
    expect(answer.relayedAddresses.map(({ family }) => family)).toEqual([had]);
    expect(answer.addressError).toEqual({ family: missing, code: 508 });
    expect(memory.allocator.openCount).toBe(1);
    await memory.target.close();
    expect(memory.allocator.openCount).toBe(0);
  }
});

it("where no port of either family can be had, it is 508 and nothing is left", async () => {
  const memory = openMemoryTarget();
  withoutPorts(memory, 4, 6);
  const client = await memory.target.client();
  expect((await client.allocate({ isDual: true })).outcome).toBe(508);
  expect([memory.retainedCount(), memory.allocator.openCount]).toEqual([0, 0]);
  assertSuccess(await client.bind(), "Binding");
  await memory.target.close();
});

it("a member who leaves while both sockets open gets neither, and both are given back", async () => {
  const { turn, target, allocator, retainedCount } = openMemoryTarget({}, { room: ROOM });
  const client = await target.client();
  const proof = await client.authentication();
  await client.sendRaw(encodeRequest(METHOD.allocate, allocateAttributes({ isDual: true }), proof));
  turn.closeMember(ROOM.roomKey, ROOM.peer);
  await allSocketsOpened();
  await allSocketsOpened();
  expect([turn.allocationCount, allocator.openCount, retainedCount()]).toEqual([0, 0, 0]);
  await allocateBoth(client);
  turn.closeMember(ROOM.roomKey, ROOM.peer);
  expect([turn.allocationCount, allocator.openCount, retainedCount()]).toEqual([0, 0, 0]);
  await target.close();
});
