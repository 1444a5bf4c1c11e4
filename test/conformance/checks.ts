/**
 * What rules check. Nothing here waits to see that nothing happens: a packet that must be dropped is followed by one that must
 * not, on the same way, and what arrives is looked at then.
 */

import assert from "node:assert/strict";
import { formatTransportAddress, type TransportAddress } from "../../src/stun/address.ts";
import type { StunAttribute } from "../../src/stun/message.ts";
import type { TurnAnswer } from "../support/turn-answer.ts";
import type { AllocateOptions, TurnClient } from "../support/turn-client.ts";
import type { Peer } from "./target.ts";

/** A client and one of its relayed addresses. */
export interface Relayed {
  readonly client: TurnClient;
  readonly relayed: TransportAddress;
}

export function text(value: string): Buffer {
  return Buffer.from(value);
}

export function assertSameAddress(
  actual: TransportAddress | undefined,
  expected: TransportAddress,
  what = "the address",
): void {
  assert.equal(actual && formatTransportAddress(actual), formatTransportAddress(expected), what);
}

export function assertSuccess(answer: TurnAnswer, what: string): void {
  assert.equal(answer.outcome, "success", what);
}

/** The answer is this error, and the client is served as before. */
export async function assertRefused(
  client: TurnClient,
  answer: TurnAnswer,
  code: number,
  what = `error ${code}`,
): Promise<void> {
  assert.equal(answer.outcome, code, what);
  assertSuccess(await client.bind(), `a Binding request after the ${code}`);
}

/** As `assertRefused`, of a client whose allocation must have outlived the refusal. */
export async function assertRefusedAndKept(
  client: TurnClient,
  answer: TurnAnswer,
  code: number,
  what = `error ${code}`,
): Promise<void> {
  assert.equal(answer.outcome, code, what);
  assertSuccess(await client.refresh(600), `a Refresh after the ${code}`);
}

/** Allocates; the relayed address. */
export async function allocate(client: TurnClient, options?: AllocateOptions): Promise<TransportAddress> {
  const answer = await client.allocate(options);
  assertSuccess(answer, "Allocate");
  const { relayedAddress } = answer;
  assert.ok(relayedAddress, "Allocate answers with XOR-RELAYED-ADDRESS");
  return relayedAddress;
}

/** Allocates an address of each family: IPv4 and IPv6. */
export async function allocateBoth(
  client: TurnClient,
  attributes: readonly StunAttribute[] = [],
): Promise<readonly [TransportAddress, TransportAddress]> {
  const answer = await client.allocate({ isDual: true, attributes });
  assertSuccess(answer, "Allocate with ADDITIONAL-ADDRESS-FAMILY");
  const [ipv4, ipv6, ...more] = answer.relayedAddresses;
  assert.ok(ipv4 && ipv6, "two addresses");
  assert.deepEqual([ipv4.family, ipv6.family, more.length, answer.addressError], [4, 6, 0, undefined]);
  return [ipv4, ipv6];
}

/** The packets are not answered, and the client is served afterwards. */
export async function assertSilence(client: TurnClient, ...packets: readonly Uint8Array[]): Promise<void> {
  for (const packet of packets) await client.sendRaw(packet);
  assertSuccess(await client.bind(), "a Binding request after what may not be answered");
  assert.deepEqual(client.strays, [], "answers to what may not be answered");
}

/** Data goes both ways between client and peer, by indications; the permission must be there. */
export async function assertRelays(client: TurnClient, relayed: TransportAddress, peer: Peer): Promise<void> {
  await client.sendIndication(peer.address, text("to the peer"));
  const packet = await peer.packets.take();
  assert.equal(packet.data.toString(), "to the peer");
  assertSameAddress(packet.from, relayed, "the peer hears from the relayed address");
  await peer.send(relayed, text("to the client"));
  const data = await client.data.take();
  assert.equal(data.data.toString(), "to the client");
}

/** What `send` sends must not reach the peer: the marker, for which permission is asked now, is the first that does. */
export async function assertDropsToPeer(
  client: TurnClient,
  peer: Peer,
  send: () => Promise<void>,
): Promise<void> {
  assert.deepEqual(peer.packets.drain(), [], "packets at the peer before");
  await send();
  assertSuccess(await client.createPermission(peer.address), "CreatePermission for the marker");
  await client.sendIndication(peer.address, text("marker"));
  assert.equal((await peer.packets.take()).data.toString(), "marker", "what should have been dropped");
}

/** What `send` sends to the relayed address must not reach the client: the marker of a permitted peer is the first that does. */
export async function assertDropsToClient(
  client: TurnClient,
  relayed: TransportAddress,
  permitted: Peer,
  send: () => Promise<void>,
): Promise<void> {
  assertSuccess(await client.createPermission(permitted.address), "CreatePermission for the marker");
  assert.deepEqual(client.data.drain(), [], "data at the client before");
  await send();
  await permitted.send(relayed, text("marker"));
  assert.equal((await client.data.take()).data.toString(), "marker", "what should have been dropped");
}

export async function permitEachOther(one: Relayed, other: Relayed): Promise<void> {
  assertSuccess(await one.client.createPermission(other.relayed), "CreatePermission of the one");
  assertSuccess(await other.client.createPermission(one.relayed), "CreatePermission of the other");
}

/** Three packets: an indication each way, and one by channel. Each permits the other already. */
export async function assertClientToClient(one: Relayed, other: Relayed): Promise<void> {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    await from.client.sendIndication(to.relayed, text("hello"));
    const { from: source, data } = await to.client.data.take();
    assert.equal(data.toString(), "hello");
    assertSameAddress(source, from.relayed);
  }
  assertSuccess(await one.client.channelBind(0x4000, other.relayed), "ChannelBind");
  assertSuccess(await other.client.channelBind(0x4100, one.relayed), "ChannelBind");
  await one.client.sendChannelData(0x4000, text("by channel"));
  const { channelNumber, data } = await other.client.data.take();
  assert.deepEqual([channelNumber, data.toString()], [0x4100, "by channel"]);
}
