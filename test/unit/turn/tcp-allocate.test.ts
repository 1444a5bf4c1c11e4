/** Allocate with REQUESTED-TRANSPORT TCP (RFC 6062 section 5.1), and what a TCP allocation is not for. */

import { describe, expect, it } from "vitest";
import { addressFamilyAttribute, evenPortAttribute } from "../../../src/stun/attributes.ts";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";
import { allocate, assertSilence, assertSuccess, text } from "../../conformance/checks.ts";
import { TICKET_PLEASE } from "../../support/mobility.ts";
import { address, RELAY_IP, TcpBench } from "../../support/tcp-bench.ts";
import { allocateTcp, connectionId, connectTo } from "../../support/tcp-requests.ts";
import { encodeRequest } from "../../support/turn-request.ts";

const PEER = address("89.160.20.1", 7000);
const IPV6_PEER = address("2a01:4f8::1", 7000);

it("gives an address that is listened on, with a lifetime, and no reservation token", async () => {
  const bench = new TcpBench();
  const { client } = bench.connect();
  const answer = await allocateTcp(client);
  expect(answer.outcome).toBe("success");
  expect(answer.relayedAddress).toEqual(bench.tcp.relays[0]?.relayedAddress);
  expect([answer.lifetimeSeconds, answer.reservationToken]).toEqual([600, undefined]);
  expect(bench.tcp.relays[0]?.isListening).toBe(true);
});

it("is refreshed and deleted like any other", async () => {
  const bench = new TcpBench();
  const { client, relay } = await bench.allocate();
  bench.advance(599);
  assertSuccess(await client.refresh(), "Refresh");
  bench.advance(599);
  assertSuccess(await client.refresh(0), "Refresh(0)");
  expect([relay.isListening, bench.turn.allocationCount]).toEqual([false, 0]);
  assertSuccess(await allocateTcp(client), "a new Allocate");
});

it("has an address of each family where both are asked for; each connects to its own, and ends by itself", async () => {
  const bench = new TcpBench();
  const { client } = bench.connect();
  const both = addressFamilyAttribute(ATTRIBUTE.additionalAddressFamily, 6);
  const answer = await allocateTcp(client, [both]);
  const [ipv4, ipv6] = bench.tcp.relays;
  expect(answer.relayedAddresses).toEqual([ipv4?.relayedAddress, ipv6?.relayedAddress]);
  for (const peer of [PEER, IPV6_PEER]) void connectTo(client, peer);
  await expect.poll(() => ipv6?.connects.length).toBe(1);
  expect([ipv4, ipv6].map((relay) => relay?.connects[0]?.peer)).toEqual([PEER, IPV6_PEER]);
  const streams = [ipv4, ipv6].map((relay) => relay?.connects[0]?.succeed());
  const onlyIpv4 = addressFamilyAttribute(ATTRIBUTE.requestedAddressFamily, 4);
  assertSuccess(await client.refresh(0, [onlyIpv4]), "Refresh(0) of IPv4");
  expect([ipv4?.isListening, ipv6?.isListening]).toEqual([false, true]);
  expect(streams.map((stream) => stream?.isClosed)).toEqual([true, false]);
});

it("counts against the quota, like any other", async () => {
  const bench = new TcpBench({ limits: { maxAllocationsPerUser: 1 } });
  await bench.allocate();
  const { client } = bench.connect();
  expect((await allocateTcp(client)).outcome).toBe(486);
  assertSuccess(await client.bind(), "Binding");
});

describe("is refused", () => {
  it("with 442 where TCP allocations are off, and Connect and ConnectionBind are no methods of ours", async () => {
    const bench = new TcpBench({ isOff: true });
    const { client } = bench.connect();
    expect((await allocateTcp(client)).outcome).toBe(442);
    await allocate(client);
    const proof = await client.authentication();
    const unknown = [METHOD.connect, METHOD.connectionBind].map((method) => encodeRequest(method, [], proof));
    await assertSilence(client, ...unknown);
  });

  it("with 442 to a room's credentials: a member's targets are the call's own", async () => {
    const bench = new TcpBench({ room: { roomKey: "room", peer: "peer" } });
    const { client } = bench.connect();
    expect((await allocateTcp(client)).outcome).toBe(442);
    await allocate(client);
    expect(bench.tcp.relays).toEqual([]);
  });

  it("with 400 over UDP", async () => {
    const bench = new TcpBench();
    const { client } = bench.connect(undefined, "udp");
    expect((await allocateTcp(client)).outcome).toBe(400);
    await allocate(client);
  });

  it.each([
    ["EVEN-PORT", evenPortAttribute(false)],
    ["RESERVATION-TOKEN", { type: ATTRIBUTE.reservationToken, value: new Uint8Array(8) }],
    ["DONT-FRAGMENT", { type: ATTRIBUTE.dontFragment, value: new Uint8Array() }],
  ])("with 400 together with %s", async (_name, attribute) => {
    const bench = new TcpBench();
    const { client } = bench.connect();
    expect((await allocateTcp(client, [attribute])).outcome).toBe(400);
    assertSuccess(await allocateTcp(client), "Allocate without");
  });
});

describe("stays where it is:", () => {
  it("a ticket (RFC 8016) is refused with 405, because it is tied to its control connection", async () => {
    const bench = new TcpBench();
    const { client } = bench.connect();
    expect((await allocateTcp(client, [TICKET_PLEASE])).outcome).toBe(405);
    assertSuccess(await allocateTcp(client), "Allocate without");
    expect(bench.turn.ticketCount).toBe(0);
  });
});

describe("carries no packets:", () => {
  it("ChannelBind is refused with 403, a Send indication dropped and counted", async () => {
    const bench = new TcpBench();
    const { client } = await bench.allocate();
    assertSuccess(await client.createPermission(PEER), "CreatePermission");
    expect((await client.channelBind(0x4000, PEER)).outcome).toBe(403);
    await client.sendIndication(PEER, text("a packet"));
    expect([bench.turn.counters.drops["no-allocation"], bench.turn.counters.sentBytes]).toEqual([1, 0]);
    assertSuccess(await client.refresh(), "Refresh");
  });

  it("a packet to the same port over UDP goes to whom that is", async () => {
    const bench = new TcpBench();
    const [tcp, udp, sender] = [await bench.allocate(), bench.connect(), bench.connect()];
    const relayed = await allocate(udp.client);
    const source = await allocate(sender.client);
    expect(relayed).toEqual(tcp.relay.relayedAddress);
    for (const { client } of [tcp, udp])
      assertSuccess(await client.createPermission(source), "CreatePermission");
    assertSuccess(await sender.client.createPermission(RELAY_IP), "CreatePermission");
    await sender.client.sendIndication(relayed, text("a packet"));
    expect((await udp.client.data.take()).data.toString()).toBe("a packet");
    expect(tcp.client.data.pending).toEqual([]);
    // It is still found when the one over TCP has gone.
    assertSuccess(await tcp.client.refresh(0), "Refresh(0)");
    await sender.client.sendIndication(relayed, text("another"));
    expect((await udp.client.data.take()).data.toString()).toBe("another");
  });

  it("and an allocation over UDP has no connections: Connect gets 403, or 437 without an allocation", async () => {
    const bench = new TcpBench();
    const { client } = bench.connect();
    expect((await connectTo(client, PEER)).outcome).toBe(437);
    await allocate(client);
    expect((await connectTo(client, PEER)).outcome).toBe(403);
    const unbound = await bench.connect().client.request(METHOD.connectionBind, [connectionId(1)]);
    expect(unbound.outcome).toBe(400);
    assertSuccess(await client.refresh(), "Refresh");
  });
});
