/** TURN over TCP and TLS: limits, back-pressure, and ends in time, over real sockets. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { MAX_WAITING_BYTES } from "../../src/net/stream-link.ts";
import { TurnStreams, type TurnStreamsOptions } from "../../src/net/stream-listener.ts";
import { openTcpListener } from "../../src/net/tcp-listener.ts";
import { formatIp, parseIp, type TransportAddress, withPort } from "../../src/stun/address.ts";
import { METHOD } from "../../src/stun/registry.ts";
import { FREE_ANSWERS } from "../../src/turn/answer-limiter.ts";
import type { TurnLimits } from "../../src/turn/relay-state.ts";
import { TurnServer } from "../../src/turn/turn-server.ts";
import { allocate, assertSuccess, text } from "../conformance/checks.ts";
import { DEFAULT_LIMITS } from "../conformance/limits.ts";
import { ALICE, REALM } from "../conformance/target.ts";
import { MemoryNetwork } from "../support/memory-network.ts";
import { MemoryRelayAllocator } from "../support/memory-relay.ts";
import { createSelfSignedCertificate } from "../support/self-signed.ts";
import { openStreamTransport } from "../support/stream-transport.ts";
import { LOOPBACK_4, LOOPBACK_6 } from "../support/test-config.ts";
import { TestCredentials } from "../support/test-credentials.ts";
import { allocateAttributes, TurnClient } from "../support/turn-client.ts";
import { encodeRequest } from "../support/turn-request.ts";

const CONNECTIONS = { max: 100, maxPerAddress: 100, trustedProxies: [], exemptLoopback: false };
const QUICK = { firstMessageMs: 200, idleMs: 400 };
const RELAY_IP = parseIp("185.199.1.2") ?? LOOPBACK_4;
const PEER_IP = parseIp("89.160.20.1") ?? LOOPBACK_4;
const RELAY_IPV6 = parseIp("2a00:1450::2") ?? LOOPBACK_6;
const PEER_IPV6 = parseIp("2a01:4f8::1") ?? LOOPBACK_6;
const CERTIFICATE = createSelfSignedCertificate();
const TLS = { cert: Buffer.from(CERTIFICATE.cert), key: Buffer.from(CERTIFICATE.key) };
const MAX_TURNS = 10_000;
const PADDED = Buffer.from("40000003616263ff", "hex");

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Bench {
  readonly transport: "tcp" | "tls";
  readonly turn: TurnServer;
  readonly streams: TurnStreams;
  /** The server's ends of the connections, the first one first. */
  readonly accepted: readonly Socket[];
  readonly network: MemoryNetwork;
  readonly server: TransportAddress;
}

/** Clients over TCP, or TLS, relay targets in memory. */
async function open(
  options: Partial<TurnStreamsOptions> = {},
  transport: "tcp" | "tls" = "tcp",
  limits: Partial<TurnLimits> = {},
): Promise<Bench> {
  const network = new MemoryNetwork();
  const failures: unknown[] = [];
  const turn = new TurnServer({
    realm: REALM,
    credentials: new TestCredentials(REALM, [ALICE], []),
    allocator: new MemoryRelayAllocator(network, [RELAY_IP, RELAY_IPV6]),
    targets: { judge: () => "allowed" },
    clock: () => performance.now(),
    limits: { ...DEFAULT_LIMITS, ...limits },
    isExempt: () => false,
    events: { failed: (error) => failures.push(error) },
  });
  const accepted: Socket[] = [];
  class WatchedStreams extends TurnStreams {
    override accept(socket: Socket, transport: "tcp" | "tls"): void {
      accepted.push(socket);
      super.accept(socket, transport);
    }
  }
  const streams = new WatchedStreams({ turn, connections: CONNECTIONS, ...options });
  const listener = await openTcpListener(LOOPBACK_4, 0, {
    turn: streams,
    connections: CONNECTIONS,
    failed: (error) => failures.push(error),
    ...(transport === "tls" && { tls: TLS, tlsOnly: true }),
  });
  cleanups.push(async () => {
    turn.close();
    await listener.close();
    expect(failures).toEqual([]);
  });
  return { transport, turn, streams, accepted, network, server: listener.address };
}

async function openClient(bench: Bench) {
  const { server } = bench;
  const ca = bench.transport === "tls" ? { ca: CERTIFICATE.cert } : {};
  const transport = await openStreamTransport({ server, from: LOOPBACK_4, ...ca });
  cleanups.push(() => transport.close());
  return { transport, client: new TurnClient(transport, ALICE) };
}

async function openSilent({ server }: Bench): Promise<{ socket: Socket; closed: Promise<unknown> }> {
  const socket = connect(server.port, formatIp(server));
  socket.on("error", () => undefined);
  const closed = once(socket, "close");
  await once(socket, "connect");
  cleanups.push(() => void socket.destroy());
  return { socket, closed };
}

async function expectServes(bench: Bench): Promise<void> {
  const { client } = await openClient(bench);
  assertSuccess(await client.bind(), "Binding");
}

test("an allocation ends with its connection", async () => {
  const bench = await open();
  const { client } = await openClient(bench);
  await allocate(client);
  expect([bench.turn.allocationCount, bench.streams.size]).toEqual([1, 1]);
  await client.close();
  await expect.poll(() => bench.turn.allocationCount).toBe(0);
  await expect.poll(() => bench.streams.size).toBe(0);
});

test("a client that sends its last byte is gone, though it still reads", async () => {
  const bench = await open();
  const { client, transport } = await openClient(bench);
  await allocate(client);
  transport.socket.end();
  await transport.closed;
  await expect.poll(() => bench.turn.allocationCount).toBe(0);
});

test("ChannelData is padded, to clients and from them, and its padding is not relayed", async () => {
  const bench = await open();
  const { client, transport } = await openClient(bench);
  await allocate(client);
  const peer = bench.network.open(PEER_IP);
  const arrived: string[] = [];
  peer.onPacket((bytes) => arrived.push(Buffer.from(bytes).toString()));
  assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
  await transport.sendBytes(PADDED);
  await expect.poll(() => arrived).toEqual(["abc"]);
  for (const length of [0, 1, 2, 3, 4]) {
    peer.sendNow(withPort(RELAY_IP, 49152), Buffer.alloc(length, "x"));
    expect((await client.data.take()).data).toHaveLength(length);
  }
});

test("the largest datagrams pass or are dropped, both ways, and the stream stays in step", async () => {
  const bench = await open();
  const { client } = await openClient(bench);
  const relayed = await allocate(client, { family: 6 });
  const peer = bench.network.open(PEER_IPV6);
  const arrived: number[] = [];
  peer.onPacket((bytes) => arrived.push(bytes.length));
  assertSuccess(await client.createPermission(peer.address), "CreatePermission");
  // A Data indication holds 65,504 bytes from an IPv6 address; a datagram holds 65,527.
  for (const length of [65_504, 65_505, 65_527, 1]) peer.sendNow(relayed, Buffer.alloc(length));
  for (const length of [65_504, 1]) expect((await client.data.take()).data).toHaveLength(length);
  assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
  for (const length of [65_527, 2]) peer.sendNow(relayed, Buffer.alloc(length));
  for (const length of [65_527, 2]) expect((await client.data.take()).data).toHaveLength(length);
  for (const length of [65_527, 65_528, 65_535, 3]) {
    await client.sendChannelData(0x4000, Buffer.alloc(length));
  }
  await expect.poll(() => arrived).toEqual([65_527, 3]);
  expect(bench.turn.counters.drops["too-large"]).toBe(4);
});

test.each(["tcp", "tls"] as const)(
  "a slow reader over %s loses packets, what waits for it is bounded, and others are served meanwhile",
  async (kind) => {
    const bench = await open({}, kind);
    const { client, transport } = await openClient(bench);
    const relayed = await allocate(client);
    const peer = bench.network.open(PEER_IP);
    assertSuccess(await client.channelBind(0x4000, peer.address), "ChannelBind");
    transport.socket.pause();
    const packet = Buffer.alloc(1200);
    const isLosing = () => bench.turn.counters.drops["slow-reader"] > 0;
    let waiting = 0;
    // What the two kernels hold is not ours to bound.
    for (let turns = 0; turns < MAX_TURNS; turns++) {
      const hasLost = isLosing();
      for (let i = 0; i < 100; i++) {
        peer.sendNow(relayed, packet);
        waiting = Math.max(waiting, bench.accepted[0]?.writableLength ?? 0);
      }
      if (hasLost) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(isLosing()).toBe(true);
    expect(waiting).toBeLessThanOrEqual(MAX_WAITING_BYTES);
    const other = await openClient(bench);
    assertSuccess(await other.client.bind(), "Binding of another client");
    // What waited is whole frames: the stream goes on where it was.
    transport.socket.resume();
    assertSuccess(await client.refresh(), "Refresh of the slow reader");
    client.data.drain();
    const last = text("the last packet");
    await expect
      .poll(() => {
        peer.sendNow(relayed, last);
        return client.data.drain().some(({ data }) => data.equals(last));
      })
      .toBe(true);
  },
);

describe("a connection that is of no use is closed in time", () => {
  test("that says nothing", async () => {
    const bench = await open({ timeouts: QUICK });
    const startedAt = performance.now();
    await (await openSilent(bench)).closed;
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(QUICK.firstMessageMs * 0.9);
    await expectServes(bench);
  });

  test("that never finishes its first message", async () => {
    const bench = await open({ timeouts: QUICK });
    const { socket, closed } = await openSilent(bench);
    const trickle = setInterval(() => socket.write(Uint8Array.of(0)), QUICK.firstMessageMs / 10);
    await closed;
    clearInterval(trickle);
    await expectServes(bench);
  });

  test("that sends ChannelData and holds nothing", async () => {
    const bench = await open({ timeouts: QUICK });
    const { socket, closed } = await openSilent(bench);
    const stream = setInterval(() => socket.write(PADDED), QUICK.firstMessageMs / 10);
    await closed;
    clearInterval(stream);
    expect(bench.turn.counters.drops["no-allocation"]).toBeGreaterThan(0);
    await expectServes(bench);
  });

  test("that has asked once and is silent since; who asks on stays", async () => {
    const bench = await open({ timeouts: QUICK });
    const [silent, lively] = [await openClient(bench), await openClient(bench)];
    const openClosed = { silent: false };
    void silent.transport.closed.then(() => {
      openClosed.silent = true;
    });
    assertSuccess(await silent.client.bind(), "Binding");
    async function askUntilTheOtherIsClosed(): Promise<boolean> {
      assertSuccess(await lively.client.bind(), "Binding");
      return openClosed.silent;
    }
    await expect.poll(askUntilTheOtherIsClosed, { timeout: 5000 }).toBe(true);
    assertSuccess(await lively.client.bind(), "Binding");
  });

  test("an allocation keeps it open, and its end does no more", async () => {
    const bench = await open({ timeouts: QUICK });
    const { client, transport } = await openClient(bench);
    await allocate(client);
    await new Promise((resolve) => setTimeout(resolve, QUICK.idleMs * 2));
    assertSuccess(await client.refresh(0), "Refresh(0)");
    await transport.closed;
    await expectServes(bench);
  });

  test("that sends garbage, after whole frames too", async () => {
    const bench = await open();
    for (const garbage of ["80", "ffffffff", "0001000021120000"]) {
      const { client, transport } = await openClient(bench);
      assertSuccess(await client.bind(), "Binding");
      await transport.sendBytes(Buffer.from(garbage, "hex"));
      await transport.closed;
    }
    await expectServes(bench);
  });

  test("that begins a large frame and has no allocation; with one it passes", async () => {
    const bench = await open();
    const header = Buffer.from("0016f0002112a442", "hex");
    const stranger = await openClient(bench);
    await stranger.transport.sendBytes(header);
    await stranger.transport.closed;
    const { client } = await openClient(bench);
    await allocate(client);
    const peer = bench.network.open(PEER_IP);
    const sizes: number[] = [];
    peer.onPacket((bytes) => sizes.push(bytes.length));
    assertSuccess(await client.createPermission(peer.address), "CreatePermission");
    await client.sendIndication(peer.address, Buffer.alloc(60_000));
    await expect.poll(() => sizes).toEqual([60_000]);
  });
});

describe.each(["tcp", "tls"] as const)("over %s who asks without credentials again and again", (kind) => {
  const burst = 20;
  const limits = { unauthenticatedBurst: burst, unauthenticatedPerSecond: 0.001 };
  const answered = ({ turn }: Bench) => turn.counters.unauthenticatedAnswers;

  test("is closed when its own answers and its source's are used up; neighbours at its address are served", async () => {
    const bench = await open({}, kind, limits);
    const { client: neighbour } = await openClient(bench);
    await allocate(neighbour);
    const before = answered(bench);
    const { transport } = await openClient(bench);
    const bare = encodeRequest(METHOD.allocate, allocateAttributes({}), undefined);
    // In one segment: what comes after the last answer is not read.
    await transport.sendBytes(Buffer.concat(Array(500).fill(bare)));
    await transport.closed;
    expect(answered(bench) - before).toBe(FREE_ANSWERS + burst);
    expect(bench.turn.counters.drops["rate-limited"]).toBe(1);
    assertSuccess(await neighbour.refresh(), "Refresh of a neighbour");
    const { client: newcomer } = await openClient(bench);
    await allocate(newcomer);
    for (let i = 1; i < FREE_ANSWERS; i++) assertSuccess(await newcomer.bind(), "Binding");
    await expectServes(bench);
  });

  test("stays as long as it authenticates in between", async () => {
    const bench = await open({}, kind, limits);
    const { client } = await openClient(bench);
    await allocate(client);
    for (let i = 0; i < (FREE_ANSWERS + burst) * 2; i++) {
      assertSuccess(await client.bind(), "Binding");
      assertSuccess(await client.refresh(), "Refresh");
    }
    expect(bench.turn.counters.drops["rate-limited"]).toBe(0);
  });
});

describe("connections are limited", () => {
  test("per address, and the place of one that went is free", async () => {
    const bench = await open({ connections: { ...CONNECTIONS, maxPerAddress: 2 } });
    const [first] = [await openClient(bench), await openClient(bench)];
    const third = await openSilent(bench);
    await third.closed;
    assertSuccess(await first.client.bind(), "Binding");
    await first.client.close();
    await expect.poll(() => bench.streams.size).toBe(1);
    await expectServes(bench);
  });

  test("in all, for exempt loopback too", async () => {
    const bench = await open({
      connections: { ...CONNECTIONS, max: 1, maxPerAddress: 0, exemptLoopback: true },
    });
    const only = await openClient(bench);
    await (await openSilent(bench)).closed;
    assertSuccess(await only.client.bind(), "Binding");
  });
});
