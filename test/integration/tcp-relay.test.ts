/** TCP allocations (RFC 6062) over real sockets, clients over TCP and over TLS. */

import { afterEach, describe, expect, test } from "vitest";
import { DgramRelayAllocator } from "../../src/net/relay-sockets.ts";
import { TurnStreams } from "../../src/net/stream-listener.ts";
import { openTcpListener } from "../../src/net/tcp-listener.ts";
import { TcpRelaySockets } from "../../src/net/tcp-relay-sockets.ts";
import {
  formatTransportAddress,
  type IpAddress,
  type TransportAddress,
  withPort,
} from "../../src/stun/address.ts";
import { METHOD } from "../../src/stun/registry.ts";
import type { TurnLimits } from "../../src/turn/relay-state.ts";
import { createRelayTargetPolicy } from "../../src/turn/relay-target-policy.ts";
import { TurnServer } from "../../src/turn/turn-server.ts";
import { assertSuccess } from "../conformance/checks.ts";
import { DEFAULT_LIMITS } from "../conformance/limits.ts";
import { ALICE, BOB, REALM } from "../conformance/target.ts";
import { type DataConnection, openDataConnection } from "../support/data-connection.ts";
import { addressOf, deniedIpv4 } from "../support/denied-addresses.ts";
import { createSelfSignedCertificate } from "../support/self-signed.ts";
import { openStreamTransport } from "../support/stream-transport.ts";
import { openTcpPeer, type TcpPeer } from "../support/tcp-peer.ts";
import {
  allocateTcp,
  connectionId,
  connectionIdOf,
  connectTo,
  readConnectionAttempt,
} from "../support/tcp-requests.ts";
import { TestCredentials } from "../support/test-credentials.ts";
import { TurnClient } from "../support/turn-client.ts";
import { type Credentials, encodeRequest } from "../support/turn-request.ts";

const SERVER_IP = addressOf("127.0.0.1");
const RELAY_IP = addressOf("127.0.0.3");
const CLIENT_IP = addressOf("127.0.0.5");
const PEER_IP = addressOf("127.0.0.2");
const CONNECTIONS = { max: 100, maxPerAddress: 100, trustedProxies: [], exemptLoopback: false };
const CERTIFICATE = createSelfSignedCertificate();
const TLS = { cert: Buffer.from(CERTIFICATE.cert), key: Buffer.from(CERTIFICATE.key) };
const MEBIBYTE = 1 << 20;
/** Far more than what waits in the process and in the kernels of a connection. */
const FLOOD_BYTES = 64 * MEBIBYTE;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Bench {
  readonly turn: TurnServer;
  readonly server: TransportAddress;
  readonly ca: { readonly ca?: string };
  readonly peer: TcpPeer;
}

async function open(transport: "tcp" | "tls", limits: Partial<TurnLimits> = {}): Promise<Bench> {
  const failures: unknown[] = [];
  const failed = (error: unknown) => failures.push(error);
  const relayAddresses = [{ bindIp: RELAY_IP, relayedIp: RELAY_IP }];
  const ports = { min: 49152, max: 65535 };
  const turn = new TurnServer({
    realm: REALM,
    credentials: new TestCredentials(REALM, [ALICE, BOB]),
    allocator: new DgramRelayAllocator(relayAddresses, ports),
    tcpAllocator: new TcpRelaySockets(relayAddresses, ports, failed),
    targets: createRelayTargetPolicy({
      allow: [{ base: PEER_IP, prefixLength: 32 }],
      deny: [],
      lan: false,
      dev: false,
      relayIps: [RELAY_IP],
      otherOwnIps: [SERVER_IP],
    }),
    clock: () => performance.now(),
    limits: { ...DEFAULT_LIMITS, ...limits },
    isExempt: () => false,
    events: { failed },
  });
  const listener = await openTcpListener(SERVER_IP, 0, {
    turn: new TurnStreams({ turn, connections: CONNECTIONS }),
    connections: CONNECTIONS,
    failed,
    ...(transport === "tls" && { tls: TLS, tlsOnly: true }),
  });
  const peer = await openTcpPeer(PEER_IP);
  cleanups.push(async () => {
    turn.close();
    await peer.close();
    await listener.close();
    expect([failures, turn.relayedConnectionCount]).toEqual([[], 0]);
  });
  return { turn, server: listener.address, ca: transport === "tls" ? { ca: CERTIFICATE.cert } : {}, peer };
}

async function openControl({ server, ca }: Bench, as: Credentials = ALICE) {
  const transport = await openStreamTransport({ server, from: CLIENT_IP, ...ca });
  cleanups.push(() => transport.close());
  const client = new TurnClient(transport, as);
  const answer = await allocateTcp(client);
  assertSuccess(answer, "Allocate");
  return { client, transport, relayed: answer.relayedAddress as TransportAddress };
}

async function openData(
  { server, ca }: Bench,
  { client }: { readonly client: TurnClient },
): Promise<DataConnection> {
  const data = await openDataConnection({ server, from: CLIENT_IP, ...ca }, client);
  cleanups.push(() => data.close());
  return data;
}

/** Connected to the peer and bound: both ends of it. */
async function openCarried(bench: Bench) {
  const control = await openControl(bench);
  const answer = await connectTo(control.client, bench.peer.address);
  assertSuccess(answer, "Connect");
  const data = await openData(bench, control);
  assertSuccess(await data.bind(connectionIdOf(answer)), "ConnectionBind");
  const { end: far, from } = await bench.peer.accepted.take();
  return { control, near: data.end, far, from };
}

async function attemptOf(client: TurnClient): Promise<number | undefined> {
  await expect.poll(() => client.strays.length).toBe(1);
  return client.strays.splice(0).map(readConnectionAttempt)[0]?.id;
}

function patterned(bytes: number, seed: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => (i * seed) >>> 8));
}

describe.each(["tcp", "tls"] as const)("clients over %s", (transport) => {
  test("the peer is reached from the relayed address, and 1 MiB goes each way at once", async () => {
    const bench = await open(transport);
    const { control, near, far, from } = await openCarried(bench);
    expect(formatTransportAddress(from)).toBe(formatTransportAddress(control.relayed));
    const [there, back] = [patterned(MEBIBYTE, 31), patterned(MEBIBYTE, 37)];
    const [gotThere, gotBack] = await Promise.all([
      far.take(MEBIBYTE),
      near.take(MEBIBYTE),
      near.write(there),
      far.write(back),
    ]);
    expect([gotThere.equals(there), gotBack.equals(back)]).toEqual([true, true]);
    const { sentBytes, receivedBytes } = bench.turn.counters;
    expect([sentBytes, receivedBytes]).toEqual([MEBIBYTE, MEBIBYTE]);
  });

  test("a peer that connects is told of, from where it comes, while the port connects elsewhere", async () => {
    const bench = await open(transport);
    const { control } = await openCarried(bench);
    assertSuccess(await control.client.createPermission(bench.peer.address), "CreatePermission");
    const far = await bench.peer.connect(control.relayed);
    await far.write("early");
    const data = await openData(bench, control);
    assertSuccess(await data.bind(await attemptOf(control.client)), "ConnectionBind");
    expect(await data.end.takeText(5)).toBe("early");
    await data.end.write("answer");
    expect(await far.takeText(6)).toBe("answer");
  });

  test("without permission a peer is closed at once", async () => {
    const bench = await open(transport);
    const control = await openControl(bench);
    const far = await bench.peer.connect(control.relayed);
    await far.over;
    expect(control.client.strays).toEqual([]);
    assertSuccess(await control.client.createPermission(bench.peer.address), "CreatePermission");
    await bench.peer.connect(control.relayed);
    expect(await attemptOf(control.client)).toBeDefined();
  });

  test("what the client sends right behind its ConnectionBind reaches the peer", async () => {
    const bench = await open(transport);
    const control = await openControl(bench);
    const id = connectionIdOf(await connectTo(control.client, bench.peer.address)) ?? 0;
    const data = await openData(bench, control);
    await data.bind(undefined);
    const request = encodeRequest(
      METHOD.connectionBind,
      [connectionId(id)],
      await data.client.authentication(),
    );
    await data.end.write(Buffer.concat([request, Buffer.from("right behind")]));
    const { end: far } = await bench.peer.accepted.take();
    expect(await far.takeText(12)).toBe("right behind");
    await far.write("back");
    expect(await data.end.takeText(4)).toBe("back");
  });

  test("a half-closed client still hears the peer", async () => {
    const { near, far } = await openCarried(await open(transport));
    near.socket.end("last words");
    expect(await far.takeText(10)).toBe("last words");
    await expect.poll(() => far.isEnded).toBe(true);
    await far.write(patterned(MEBIBYTE, 41));
    expect((await near.take(MEBIBYTE)).equals(patterned(MEBIBYTE, 41))).toBe(true);
    far.socket.end();
    await Promise.all([near.closed, far.closed]);
  });

  test("a half-closed peer still hears the client, also one that said its last byte before it was bound", async () => {
    const bench = await open(transport);
    const control = await openControl(bench);
    const id = connectionIdOf(await connectTo(control.client, bench.peer.address));
    const { end: far } = await bench.peer.accepted.take();
    far.socket.end("hello and");
    const data = await openData(bench, control);
    assertSuccess(await data.bind(id), "ConnectionBind");
    expect(await data.end.takeText(9)).toBe("hello and");
    await expect.poll(() => data.end.isEnded).toBe(true);
    await data.end.write(patterned(MEBIBYTE, 43));
    expect((await far.take(MEBIBYTE)).equals(patterned(MEBIBYTE, 43))).toBe(true);
    data.end.socket.end();
    await Promise.all([data.end.closed, far.closed]);
  });

  test("a peer that is cut is a client that is cut, and the other way round", async () => {
    const bench = await open(transport);
    const first = await openCarried(bench);
    first.far.socket.resetAndDestroy();
    await first.near.over;
    const second = await openCarried(bench);
    second.near.socket.destroy();
    await second.far.over;
    second.far.socket.end();
    await expect.poll(() => bench.turn.relayedConnectionCount).toBe(0);
    assertSuccess(await second.control.client.refresh(), "Refresh");
  });

  test.each([
    ["client", "near", "far"],
    ["peer", "far", "near"],
  ] as const)("a %s that does not read holds the sender back", async (_name, slow, quick) => {
    const bench = await open(transport);
    const carried = await openCarried(bench);
    carried[slow].socket.pause();
    const before = process.memoryUsage().arrayBuffers;
    const chunk = Buffer.alloc(MEBIBYTE, 1);
    let taken = 0;
    for (let sent = 0; sent < FLOOD_BYTES; sent += MEBIBYTE)
      void carried[quick].write(chunk).then(() => {
        taken += MEBIBYTE;
      });
    const carriedBytes = () => bench.turn.counters.sentBytes + bench.turn.counters.receivedBytes;
    let last = -1;
    await expect
      .poll(
        () => {
          const isStill = carriedBytes() === last;
          last = carriedBytes();
          return isStill;
        },
        { interval: 300, timeout: 10_000 },
      )
      .toBe(true);
    expect(taken).toBeLessThan(FLOOD_BYTES / 2);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(FLOOD_BYTES / 8);
    carried[slow].socket.resume();
    expect((await carried[slow].take(FLOOD_BYTES)).length).toBe(FLOOD_BYTES);
  });

  test("nothing is read from a peer that nobody has bound, beyond a bound", async () => {
    const bench = await open(transport);
    const control = await openControl(bench);
    const id = connectionIdOf(await connectTo(control.client, bench.peer.address));
    const { end: far } = await bench.peer.accepted.take();
    let isTaken = false;
    void far.write(Buffer.alloc(FLOOD_BYTES, 1)).then(() => {
      isTaken = true;
    });
    const data = await openData(bench, control);
    expect(isTaken).toBe(false);
    assertSuccess(await data.bind(id), "ConnectionBind");
    expect((await data.end.take(FLOOD_BYTES)).length).toBe(FLOOD_BYTES);
    await expect.poll(() => isTaken).toBe(true);
  });

  test("everything ends with the control connection", async () => {
    const bench = await open(transport);
    const { control, near, far } = await openCarried(bench);
    assertSuccess(await control.client.createPermission(bench.peer.address), "CreatePermission");
    const unbound = await bench.peer.connect(control.relayed);
    await attemptOf(control.client);
    control.transport.socket.destroy();
    await Promise.all([near.over, far.over, unbound.over]);
    expect([bench.turn.allocationCount, bench.turn.relayedConnectionCount]).toEqual([0, 0]);
    await expect(bench.peer.connect(control.relayed)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("Connect to every denied address gets 403, and no socket there hears of it (CVE-2026-73212)", async () => {
    const bench = await open(transport);
    const victim = await openTcpPeer(addressOf("127.0.0.9"));
    cleanups.push(() => victim.close());
    const { client } = await openControl(bench);
    const denied: readonly IpAddress[] = [...deniedIpv4(), SERVER_IP, addressOf("127.0.0.9")];
    for (const ip of denied)
      expect(
        (await connectTo(client, withPort(ip, victim.address.port))).outcome,
        formatTransportAddress(withPort(ip, 0)),
      ).toBe(403);
    expect(victim.accepted.pending).toEqual([]);
    assertSuccess(await connectTo(client, bench.peer.address), "Connect");
  });

  test("two clients of the relay meet inside the process", async () => {
    const bench = await open(transport);
    const [alice, bob] = [await openControl(bench), await openControl(bench, BOB)];
    assertSuccess(await bob.client.createPermission(alice.relayed), "CreatePermission");
    const answer = await connectTo(alice.client, bob.relayed);
    assertSuccess(answer, "Connect");
    const ends = [await openData(bench, alice), await openData(bench, bob)] as const;
    assertSuccess(await ends[0].bind(connectionIdOf(answer)), "ConnectionBind");
    await ends[0].end.write("before the other one is there");
    assertSuccess(await ends[1].bind(await attemptOf(bob.client)), "ConnectionBind");
    expect(await ends[1].end.takeText(29)).toBe("before the other one is there");
    const bytes = patterned(MEBIBYTE, 47);
    ends[1].end.socket.end(bytes);
    expect((await ends[0].end.take(MEBIBYTE)).equals(bytes)).toBe(true);
    await expect.poll(() => ends[0].end.isEnded).toBe(true);
    await ends[0].end.write("and back");
    expect(await ends[1].end.takeText(8)).toBe("and back");
    ends[0].end.socket.end();
    await Promise.all(ends.map(({ end }) => end.closed));
    await expect.poll(() => bench.turn.relayedConnectionCount).toBe(0);
  });
});

test("a peer where nobody listens gets 447, and ten Connects at once are all made from the one port", async () => {
  const bench = await open("tcp");
  const { client, relayed } = await openControl(bench);
  expect((await connectTo(client, withPort(PEER_IP, 1))).outcome).toBe(447);
  const peers = await Promise.all(Array.from({ length: 10 }, () => openTcpPeer(PEER_IP)));
  cleanups.push(() => Promise.all(peers.map((peer) => peer.close())));
  const answers = await Promise.all(peers.map((peer) => connectTo(client, peer.address)));
  expect(answers.map(({ outcome }) => outcome)).toEqual(peers.map(() => "success"));
  for (const peer of peers) expect((await peer.accepted.take()).from).toEqual(relayed);
  // And it listens again.
  assertSuccess(await client.createPermission(bench.peer.address), "CreatePermission");
  await bench.peer.connect(relayed);
  expect(await attemptOf(client)).toBeDefined();
});

test("a peer's reset is a reset for the client: what was cut is not taken for whole", async () => {
  const { near, far } = await openCarried(await open("tcp"));
  far.socket.resetAndDestroy();
  await near.closed;
  expect([near.isEnded, near.socket.errored]).toMatchObject([false, { code: "ECONNRESET" }]);
});

test("above its limit a connection is read no faster than that", async () => {
  const limits = { maxBitsPerSecondPerAllocation: 8 * MEBIBYTE, bandwidthBurstMilliseconds: 0 };
  const { near, far } = await openCarried(await open("tcp", limits));
  const start = performance.now();
  void near.write(Buffer.alloc(MEBIBYTE));
  await far.take(MEBIBYTE);
  // A bucket holds a quarter of it, and the last read is not waited for.
  expect(performance.now() - start).toBeGreaterThan(500);
});

test("a connection that carries nothing is closed", async () => {
  const bench = await open("tcp", { relayedConnectionIdleSeconds: 0.2 });
  const { near, far } = await openCarried(bench);
  const timer = setInterval(() => bench.turn.sweep(), 50);
  cleanups.push(() => clearInterval(timer));
  await Promise.all([near.over, far.over]);
});
