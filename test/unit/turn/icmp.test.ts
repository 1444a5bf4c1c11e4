/** ICMP errors about relayed packets (RFC 8656 section 11.5): who is told of which, and how often. */

import { expect, it } from "vitest";
import { formatIp, formatTransportAddress, withPort } from "../../../src/stun/address.ts";
import type { IcmpError } from "../../../src/turn/ports.ts";
import { allocate, assertSuccess, text } from "../../conformance/checks.ts";
import { openMemoryTarget } from "../../conformance/memory-target.ts";
import { check } from "../../support/ice-check.ts";

const PORT_UNREACHABLE = { type: 3, code: 3, mtu: 0 };

/** A client with a permission for a peer; what the relay's machine hears of packets to it. */
async function openPair() {
  const memory = openMemoryTarget();
  const { target, allocator, turn } = memory;
  const client = await target.client();
  const peer = await target.peer();
  const relayed = await allocate(client);
  assertSuccess(await client.createPermission(peer.address), "CreatePermission");
  const hear = (error: Partial<IcmpError>) =>
    allocator.icmp(relayed, { target: peer.address, ...PORT_UNREACHABLE, ...error });
  return { target, client, peer, hear, icmpErrors: turn.counters.icmpErrors };
}

it("the client is told type and code, and which peer it is about; a valid packet passes after it", async () => {
  const { target, client, peer, hear, icmpErrors } = await openPair();
  hear({});
  expect(await client.icmp.take()).toEqual({
    target: formatTransportAddress(peer.address),
    icmpType: 3,
    icmpCode: 3,
    errorData: 0,
  });
  expect(icmpErrors).toMatchObject({ told: 1 });
  await client.sendIndication(peer.address, text("still there"));
  expect((await peer.packets.take()).data.toString()).toBe("still there");
  await target.close();
});

it("the error data is the next link's MTU for a packet that was too big, and zero for all else", async () => {
  const { target, client, peer, hear } = await openPair();
  hear({ type: 3, code: 4, mtu: 1280 });
  hear({ type: 3, code: 1, mtu: 1280 });
  hear({ type: 11, code: 0, mtu: 1280 });
  const told = [await client.icmp.take(), await client.icmp.take(), await client.icmp.take()];
  expect(told.map(({ icmpType, icmpCode, errorData }) => [icmpType, icmpCode, errorData])).toEqual([
    [3, 4, 1280],
    [3, 1, 0],
    [11, 0, 0],
  ]);
  expect(told.every((error) => error.target === formatTransportAddress(peer.address))).toBe(true);
  await target.close();
});

it("other types are nobody's business: source quench, redirect, parameter problem", async () => {
  const { target, client, hear, icmpErrors } = await openPair();
  for (const type of [0, 4, 5, 12]) hear({ type });
  hear({ code: 1 });
  expect(await client.icmp.take()).toMatchObject({ icmpType: 3, icmpCode: 1 });
  expect(icmpErrors).toMatchObject({ told: 1, "other-type": 4 });
  await target.close();
});

it("over IPv6: unreachable, too big and time exceeded", async () => {
  const { target, allocator, turn } = openMemoryTarget();
  const [client, peer] = [await target.client(), await target.peer({ family: 6 })];
  const { relayedAddress } = await client.allocate({ family: 6 });
  assertSuccess(await client.createPermission(peer.address), "CreatePermission");
  if (relayedAddress === undefined) throw new Error("no relayed address");
  for (const type of [1, 2, 3, 4, 11])
    allocator.icmp(relayedAddress, { target: peer.address, type, code: 0, mtu: 1400 });
  const told = [await client.icmp.take(), await client.icmp.take(), await client.icmp.take()];
  expect(told.map(({ icmpType, errorData }) => [icmpType, errorData])).toEqual([
    [1, 0],
    [2, 1400],
    [3, 0],
  ]);
  expect(turn.counters.icmpErrors).toMatchObject({ told: 3, "other-type": 2 });
  await target.close();
});

it("what is about an address without a permission, or whose permission is over, is told to nobody", async () => {
  const { target, client, peer, hear, icmpErrors } = await openPair();
  const other = await target.peer({ host: 1 });
  hear({ target: other.address });
  target.controls.advance(300);
  hear({});
  expect(icmpErrors).toMatchObject({ told: 0, "no-permission": 2 });
  assertSuccess(await client.createPermission(peer.address), "CreatePermission");
  hear({});
  expect(await client.icmp.take()).toMatchObject({ target: formatTransportAddress(peer.address) });
  await target.close();
});

it("an allocation is told of ten at once and of ten a second", async () => {
  const { target, client, hear, icmpErrors } = await openPair();
  for (let i = 0; i < 100; i++) hear({});
  await client.bind();
  expect(client.icmp.drain()).toHaveLength(10);
  expect(icmpErrors).toMatchObject({ told: 10, "rate-limited": 90 });
  target.controls.advance(0.5);
  for (let i = 0; i < 100; i++) hear({});
  await client.bind();
  expect(client.icmp.drain()).toHaveLength(5);
  await target.close();
});

it("a claimed address says nothing by ICMP, of any of its ports, until it has proved to be in the call", async () => {
  const { target, allocator, turn } = openMemoryTarget();
  const { controls } = target;
  const [room, password] = ["blue", "the ice password of Ann.."];
  const client = await target.client({ as: controls.member(room, "ann") });
  const peer = await target.peer();
  controls.signal(room, "ben", "ann", { addresses: [formatIp(peer.address)] });
  controls.signal(room, "ann", "ben", { icePasswords: [password] });
  const relayed = await allocate(client);
  assertSuccess(await client.createPermission(peer.address), "CreatePermission");
  const hear = (port: number) =>
    allocator.icmp(relayed, { target: withPort(peer.address, port), ...PORT_UNREACHABLE });
  hear(peer.address.port);
  hear(22);
  expect(turn.counters.icmpErrors).toMatchObject({ told: 0, "unproven-target": 2 });
  await peer.send(relayed, check(password));
  await client.data.take();
  hear(22);
  hear(peer.address.port);
  expect(await client.icmp.take()).toMatchObject({ target: formatTransportAddress(peer.address) });
  expect(turn.counters.icmpErrors).toMatchObject({ told: 1, "unproven-target": 3 });
  expect(client.strays).toEqual([]);
  await target.close();
});
