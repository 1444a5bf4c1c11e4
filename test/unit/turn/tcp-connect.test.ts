/** Connect and connections from peers (RFC 6062 sections 5.2 and 5.3). */

import { describe, expect, it } from "vitest";
import { formatTransportAddress, withPort } from "../../../src/stun/address.ts";
import { ATTRIBUTE, METHOD } from "../../../src/stun/registry.ts";
import { assertSuccess } from "../../conformance/checks.ts";
import { BOB } from "../../conformance/target.ts";
import { deniedIpv4 } from "../../support/denied-addresses.ts";
import { address, RELAY_IP, SERVER, TcpBench } from "../../support/tcp-bench.ts";
import {
  allocateTcp,
  bindConnection,
  connectionIdOf,
  connectTo,
  readConnectionAttempt,
} from "../../support/tcp-requests.ts";
import type { TurnClient } from "../../support/turn-client.ts";

const PEER = address("89.160.20.1", 7000);
const OTHER = address("89.160.20.2", 7000);
const IPV6_PEER = address("2a01:4f8::1", 7000);

/** ConnectionAttempt indications that came and were not looked at. */
function attempts(client: TurnClient) {
  return client.strays.splice(0).map(readConnectionAttempt);
}

/** The relay has asked for the connection; the answer comes when it is there. */
async function connecting(bench: TcpBench, client: TurnClient, peer = PEER) {
  const relay = bench.tcp.relays.at(-1);
  const answer = connectTo(client, peer);
  await expect.poll(() => relay?.connects.at(-1)?.peer).toEqual(peer);
  const connect = relay?.connects.at(-1);
  if (connect === undefined) throw new Error("nothing was connected to");
  return { answer, connect };
}

describe("Connect", () => {
  it("connects from the relayed address and answers with a CONNECTION-ID, another one each time", async () => {
    const bench = new TcpBench();
    const { client } = await bench.allocate();
    const ids = [];
    for (const peer of [PEER, OTHER, withPort(PEER, 7001)]) {
      const { answer, connect } = await connecting(bench, client, peer);
      connect.succeed();
      assertSuccess(await answer, "Connect");
      ids.push(connectionIdOf(await answer));
    }
    expect(new Set(ids).size).toBe(3);
    expect(bench.turn.relayedConnectionCount).toBe(3);
  });

  it("without XOR-PEER-ADDRESS, or with a malformed one, gets 400", async () => {
    const bench = new TcpBench();
    const { client, relay } = await bench.allocate();
    const malformed = { type: ATTRIBUTE.xorPeerAddress, value: new Uint8Array(5) };
    expect((await client.request(METHOD.connect, [])).outcome).toBe(400);
    expect((await client.request(METHOD.connect, [malformed])).outcome).toBe(400);
    expect(relay.connects).toEqual([]);
    const { answer, connect } = await connecting(bench, client);
    connect.succeed();
    assertSuccess(await answer, "Connect");
  });

  it("to every denied address gets 403, and nothing is connected to (CVE-2026-73212)", async () => {
    const bench = new TcpBench();
    const { client, relay } = await bench.allocate();
    for (const ip of deniedIpv4()) expect((await connectTo(client, withPort(ip, 80))).outcome).toBe(403);
    expect((await connectTo(client, SERVER)).outcome).toBe(403);
    expect(relay.connects).toEqual([]);
    const { answer, connect } = await connecting(bench, client);
    connect.succeed();
    assertSuccess(await answer, "Connect");
  });

  it("to another family than the relayed address's gets 443", async () => {
    const bench = new TcpBench();
    const { client } = await bench.allocate();
    expect((await connectTo(client, IPV6_PEER)).outcome).toBe(443);
    assertSuccess(await client.refresh(), "Refresh");
  });

  it("is judged anew each time, whatever permission was given before", async () => {
    const bench = new TcpBench();
    const { client, relay } = await bench.allocate();
    assertSuccess(await client.createPermission(PEER), "CreatePermission");
    bench.verdict = "denied";
    expect((await connectTo(client, PEER)).outcome).toBe(403);
    expect(relay.connects).toEqual([]);
    bench.verdict = undefined;
    const { answer, connect } = await connecting(bench, client);
    connect.succeed();
    assertSuccess(await answer, "Connect");
  });

  it("to an address of our own where nobody is gets 447, and no socket tries it", async () => {
    const bench = new TcpBench();
    const { client, relay } = await bench.allocate();
    expect((await connectTo(client, withPort(RELAY_IP, 50_000))).outcome).toBe(447);
    expect((await connectTo(client, relay.relayedAddress)).outcome).toBe(447);
    expect(relay.connects).toEqual([]);
    expect(bench.turn.counters.drops["own-address"]).toBe(1);
    assertSuccess(await client.refresh(), "Refresh");
  });

  it("to a peer that is connected to, or being connected to, gets 446, until that is over", async () => {
    const bench = new TcpBench();
    const { client } = await bench.allocate();
    const { answer, connect } = await connecting(bench, client);
    expect((await connectTo(client, PEER)).outcome).toBe(446);
    const stream = connect.succeed();
    const id = connectionIdOf(await answer);
    expect((await connectTo(client, PEER)).outcome).toBe(446);
    assertSuccess(await bindConnection(bench.connect().client, id), "ConnectionBind");
    expect((await connectTo(client, PEER)).outcome).toBe(446);
    stream.close();
    const again = await connecting(bench, client);
    again.connect.succeed();
    assertSuccess(await again.answer, "Connect");
  });

  it("that fails gets 447", async () => {
    const bench = new TcpBench();
    const { client } = await bench.allocate();
    const { answer, connect } = await connecting(bench, client);
    connect.fail();
    expect((await answer).outcome).toBe(447);
    expect(bench.turn.relayedConnectionCount).toBe(0);
    const again = await connecting(bench, client);
    again.connect.succeed();
    assertSuccess(await again.answer, "Connect");
  });

  it("that takes 30 seconds gets 447, and is given up", async () => {
    const bench = new TcpBench();
    const { client } = await bench.allocate();
    const { answer, connect } = await connecting(bench, client);
    bench.advance(29);
    expect(connect.isGivenUp).toBe(false);
    bench.advance(1);
    expect((await answer).outcome).toBe(447);
    expect(connect.isGivenUp).toBe(true);
    assertSuccess(await client.refresh(), "Refresh");
  });

  it("is answered with 447 when its allocation ends", async () => {
    const bench = new TcpBench();
    const { client } = await bench.allocate();
    const { answer, connect } = await connecting(bench, client);
    assertSuccess(await client.refresh(0), "Refresh(0)");
    expect((await answer).outcome).toBe(447);
    expect(connect.isGivenUp).toBe(true);
    assertSuccess(await allocateTcp(client), "Allocate");
  });

  it.each([
    ["of an allocation", { maxRelayedConnectionsPerAllocation: 1 }],
    ["in all", { maxRelayedConnections: 1 }],
  ])("above the bound on connections %s gets 508", async (_name, limits) => {
    const bench = new TcpBench({ limits });
    const { client } = await bench.allocate();
    const first = await connecting(bench, client);
    expect((await connectTo(client, OTHER)).outcome).toBe(508);
    first.connect.fail();
    expect((await first.answer).outcome).toBe(447);
    const second = await connecting(bench, client, OTHER);
    second.connect.succeed();
    assertSuccess(await second.answer, "Connect");
  });
});

describe("a connection from a peer", () => {
  it("with permission is told to the client", async () => {
    const bench = new TcpBench();
    const { client, relay } = await bench.allocate();
    assertSuccess(await client.createPermission(PEER), "CreatePermission");
    const stream = relay.accept(PEER);
    const [attempt] = attempts(client);
    expect(attempt?.peer && formatTransportAddress(attempt.peer)).toBe(formatTransportAddress(PEER));
    const { client: data, carried } = bench.connect();
    assertSuccess(await bindConnection(data, attempt?.id), "ConnectionBind");
    expect(carried.map((one) => one.stream)).toEqual([stream]);
  });

  it("without permission is closed at once and counted, and so is one whose permission has lapsed", async () => {
    const bench = new TcpBench();
    const { client, relay } = await bench.allocate();
    expect(relay.accept(PEER).isClosed).toBe(true);
    assertSuccess(await client.createPermission(PEER), "CreatePermission");
    expect(relay.accept(OTHER).isClosed).toBe(true);
    const early = relay.accept(PEER);
    const [attempt] = attempts(client);
    assertSuccess(await bindConnection(bench.connect().client, attempt?.id), "ConnectionBind");
    bench.advance(300);
    expect(relay.accept(withPort(PEER, 7001)).isClosed).toBe(true);
    // A permission lets connections come about; those that have stay.
    expect(early.isClosed).toBe(false);
    expect(bench.turn.counters.drops["no-permission"]).toBe(3);
    expect(attempts(client)).toEqual([]);
  });

  it("from an address of our own is closed: our clients come inside the process", async () => {
    const bench = new TcpBench();
    const { client, relay } = await bench.allocate();
    assertSuccess(await client.createPermission(RELAY_IP), "CreatePermission");
    expect(relay.accept(withPort(RELAY_IP, 7000)).isClosed).toBe(true);
    expect(bench.turn.counters.drops["own-address"]).toBe(1);
    assertSuccess(await client.refresh(), "Refresh");
  });

  it("above the bound is closed and counted", async () => {
    const bench = new TcpBench({ limits: { maxRelayedConnectionsPerAllocation: 1 } });
    const { client, relay } = await bench.allocate();
    assertSuccess(await client.createPermission(PEER), "CreatePermission");
    const first = relay.accept(PEER);
    expect(relay.accept(withPort(PEER, 7001)).isClosed).toBe(true);
    expect(bench.turn.counters.drops["connection-limit"]).toBe(1);
    first.close();
    expect(relay.accept(withPort(PEER, 7001)).isClosed).toBe(false);
  });
});

describe("between two clients of one relay", () => {
  it("a connection stays inside the process, and both ends are bound like any other", async () => {
    const bench = new TcpBench();
    const [alice, bob] = [await bench.allocate(), await bench.allocate(BOB)];
    assertSuccess(await bob.client.createPermission(RELAY_IP), "CreatePermission");
    const answer = await connectTo(alice.client, bob.relay.relayedAddress);
    assertSuccess(answer, "Connect");
    const [attempt] = attempts(bob.client);
    expect(attempt?.peer).toEqual(alice.relay.relayedAddress);
    const [near, far] = bench.tcp.pairs[0] ?? [];
    const ends = [bench.connect(), bench.connect(BOB)] as const;
    assertSuccess(await bindConnection(ends[0].client, connectionIdOf(answer)), "ConnectionBind");
    assertSuccess(await bindConnection(ends[1].client, attempt?.id), "ConnectionBind");
    expect(ends.map(({ carried }) => carried[0]?.stream)).toEqual([near, far]);
    expect([...alice.relay.connects, ...bob.relay.connects]).toEqual([]);
  });

  it("none is made without the other one's permission: 447", async () => {
    const bench = new TcpBench();
    const [alice, bob] = [await bench.allocate(), await bench.allocate(BOB)];
    expect((await connectTo(alice.client, bob.relay.relayedAddress)).outcome).toBe(447);
    expect(attempts(bob.client)).toEqual([]);
    expect(bench.turn.counters.drops["no-permission"]).toBe(1);
    assertSuccess(await bob.client.createPermission(RELAY_IP), "CreatePermission");
    assertSuccess(await connectTo(alice.client, bob.relay.relayedAddress), "Connect");
  });

  it("the way back is the same connection: 446", async () => {
    const bench = new TcpBench();
    const [alice, bob] = [await bench.allocate(), await bench.allocate(BOB)];
    for (const { client } of [alice, bob])
      assertSuccess(await client.createPermission(RELAY_IP), "CreatePermission");
    assertSuccess(await connectTo(alice.client, bob.relay.relayedAddress), "Connect");
    expect((await connectTo(bob.client, alice.relay.relayedAddress)).outcome).toBe(446);
    assertSuccess(await bob.client.refresh(), "Refresh");
  });

  it("with one end the other one ends", async () => {
    const bench = new TcpBench();
    const [alice, bob] = [await bench.allocate(), await bench.allocate(BOB)];
    assertSuccess(await bob.client.createPermission(RELAY_IP), "CreatePermission");
    assertSuccess(await connectTo(alice.client, bob.relay.relayedAddress), "Connect");
    expect(bench.turn.relayedConnectionCount).toBe(2);
    assertSuccess(await alice.client.refresh(0), "Refresh(0)");
    expect(bench.turn.relayedConnectionCount).toBe(0);
    assertSuccess(await bob.client.refresh(), "Refresh");
  });
});
