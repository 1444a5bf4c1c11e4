/** Packets that come in together for clients over TCP and TLS leave in few writes: the real listener, and each engine's relay sockets. */

import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { TurnStreams } from "../../src/net/stream-listener.ts";
import { openTcpListener } from "../../src/net/tcp-listener.ts";
import { openUdpEngine } from "../../src/net/udp-engine.ts";
import { type IpAddress, parseIp, type TransportAddress } from "../../src/stun/address.ts";
import { TurnServer } from "../../src/turn/turn-server.ts";
import { allocate, assertSuccess } from "../conformance/checks.ts";
import { DEFAULT_LIMITS } from "../conformance/limits.ts";
import { ALICE, REALM } from "../conformance/target.ts";
import { createSelfSignedCertificate } from "../support/self-signed.ts";
import { openStreamTransport } from "../support/stream-transport.ts";
import { LOOPBACK_4 } from "../support/test-config.ts";
import { TestCredentials } from "../support/test-credentials.ts";
import { TurnClient } from "../support/turn-client.ts";
import { openUdpEndpoint } from "../support/udp-endpoint.ts";

const CONNECTIONS = { max: 100, maxPerAddress: 100, trustedProxies: [], exemptLoopback: false };
const RELAY_IP = parseIp("127.0.0.3") as IpAddress;
const PEER_IP = parseIp("127.0.0.2") as IpAddress;
const RELAY_PORTS = { min: 49152, max: 65535 };
const CERTIFICATE = createSelfSignedCertificate();
const TLS = { cert: Buffer.from(CERTIFICATE.cert), key: Buffer.from(CERTIFICATE.key) };
const CHANNEL = 0x4000;
/** Of a voice call, as many as come while a busy process does something else. */
const BURST = 100;
const PACKET_BYTES = 172;
const CLIENTS = 3;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Counts what is handed to the system, or to TLS for a record: a call each. */
function countWrites(socket: Socket): () => number {
  let count = 0;
  for (const name of ["_write", "_writev"] as const) {
    const write = socket[name]?.bind(socket) as ((...args: unknown[]) => void) | undefined;
    if (write === undefined) throw new Error(`a socket without ${name}`);
    Object.assign(socket, {
      [name]: (...args: unknown[]) => {
        count++;
        write(...args);
      },
    });
  }
  return () => count;
}

async function open(kind: "tcp" | "tls", engineName: "batch" | "dgram") {
  const failures: unknown[] = [];
  const failed = (error: unknown) => void failures.push(error);
  const engine = await openUdpEngine(engineName === "batch" ? "auto" : "dgram", failed, 1);
  const turn = new TurnServer({
    realm: REALM,
    credentials: new TestCredentials(REALM, [ALICE], []),
    allocator: engine.createRelayAllocator([{ bindIp: RELAY_IP, relayedIp: RELAY_IP }], RELAY_PORTS),
    targets: { judge: () => "allowed" },
    clock: () => performance.now(),
    limits: DEFAULT_LIMITS,
    isExempt: () => false,
    events: { failed },
  });
  const accepted: Socket[] = [];
  class WatchedStreams extends TurnStreams {
    override accept(socket: Socket, transport: "tcp" | "tls"): void {
      accepted.push(socket);
      super.accept(socket, transport);
    }
  }
  const listener = await openTcpListener(LOOPBACK_4, 0, {
    turn: new WatchedStreams({ turn, connections: CONNECTIONS }),
    connections: CONNECTIONS,
    failed,
    ...(kind === "tls" && { tls: TLS, tlsOnly: true }),
  });
  cleanups.push(async () => {
    turn.close();
    await listener.close();
    await engine.close();
    expect(failures).toEqual([]);
  });
  const peer = await openUdpEndpoint(PEER_IP);
  cleanups.push(() => peer.close());
  async function connect() {
    const ca = kind === "tls" ? { ca: CERTIFICATE.cert } : {};
    const transport = await openStreamTransport({ server: listener.address, from: LOOPBACK_4, ...ca });
    cleanups.push(() => transport.close());
    const client = new TurnClient(transport, ALICE);
    const relayed: TransportAddress = await allocate(client);
    assertSuccess(await client.channelBind(CHANNEL, peer.address), "ChannelBind");
    return { client, relayed, writes: countWrites(accepted.at(-1) as Socket) };
  }
  return { peer, connect };
}

describe.each(["batch", "dgram"] as const)("relay sockets of %s", (engine) => {
  test.each(["tcp", "tls"] as const)(
    "a burst to each of some %s clients: few writes, all of it, in order",
    async (kind) => {
      const { peer, connect } = await open(kind, engine);
      const clients = [];
      for (let i = 0; i < CLIENTS; i++) clients.push(await connect());
      const bursts = clients.map(() =>
        Array.from({ length: BURST }, (_, index) => Buffer.alloc(PACKET_BYTES, index)),
      );
      // All of them are in the kernel before this process reads one.
      await Promise.all(
        clients.flatMap(({ relayed }, index) =>
          (bursts[index] ?? []).map((packet) => peer.send(relayed, packet)),
        ),
      );
      for (const [index, { client, writes }] of clients.entries()) {
        const came: Buffer[] = [];
        while (came.length < BURST) came.push((await client.data.take()).data);
        expect(came).toEqual(bursts[index]);
        expect(writes()).toBeLessThan(BURST / 5);
        assertSuccess(await client.refresh(), "Refresh after the burst");
      }
    },
  );
});
