/** Mutated packets over TCP and inside TLS: no defect, nothing left behind, and a valid call works after. */

import { expect, test } from "vitest";
import { TurnStreams } from "../../src/net/stream-listener.ts";
import { openTcpListener } from "../../src/net/tcp-listener.ts";
import { parseIp } from "../../src/stun/address.ts";
import { requestedTransportAttribute } from "../../src/stun/attributes.ts";
import { ATTRIBUTE, METHOD } from "../../src/stun/registry.ts";
import { TurnServer } from "../../src/turn/turn-server.ts";
import { allocate, assertSuccess } from "../conformance/checks.ts";
import { DEFAULT_LIMITS } from "../conformance/limits.ts";
import { ALICE, REALM } from "../conformance/target.ts";
import { MemoryNetwork } from "../support/memory-network.ts";
import { MemoryRelayAllocator } from "../support/memory-relay.ts";
import { Mutator } from "../support/mutator.ts";
import { createSelfSignedCertificate } from "../support/self-signed.ts";
import { openStreamTransport, type StreamTransport } from "../support/stream-transport.ts";
import { LOOPBACK_4 } from "../support/test-config.ts";
import { TestCredentials } from "../support/test-credentials.ts";
import { peerAttribute, TurnClient } from "../support/turn-client.ts";
import { encodeChannelData, encodeRequest } from "../support/turn-request.ts";

const CONNECTIONS = { max: 1000, maxPerAddress: 1000, trustedProxies: [], exemptLoopback: false };
const RELAY_IP = parseIp("185.199.1.2") ?? LOOPBACK_4;
const PEER_IP = parseIp("89.160.20.1") ?? LOOPBACK_4;
const COUNT = 30_000;
const CERTIFICATE = createSelfSignedCertificate();

async function openBench(isTls: boolean) {
  const network = new MemoryNetwork();
  const failures: unknown[] = [];
  const failed = (error: unknown) => failures.push(error);
  const allocator = new MemoryRelayAllocator(network, [RELAY_IP]);
  const turn = new TurnServer({
    realm: REALM,
    credentials: new TestCredentials(REALM, [ALICE], []),
    allocator,
    targets: { judge: () => "allowed" },
    clock: () => performance.now(),
    limits: DEFAULT_LIMITS,
    isExempt: () => false,
    events: { failed },
  });
  const streams = new TurnStreams({ turn, connections: CONNECTIONS });
  const tls = { cert: Buffer.from(CERTIFICATE.cert), key: Buffer.from(CERTIFICATE.key) };
  const listener = await openTcpListener(LOOPBACK_4, 0, {
    turn: streams,
    connections: CONNECTIONS,
    failed,
    ...(isTls && { tls, tlsOnly: true }),
  });
  const connect = () =>
    openStreamTransport({
      server: listener.address,
      from: LOOPBACK_4,
      ...(isTls && { ca: CERTIFICATE.cert }),
    });
  return { network, failures, allocator, turn, streams, listener, connect };
}

test.each(["tcp", "tls"] as const)("over %s", async (transport) => {
  const bench = await openBench(transport === "tls");
  const { turn, streams, failures, allocator } = bench;
  const peer = bench.network.open(PEER_IP);
  const client = new TurnClient(await bench.connect(), ALICE);
  await allocate(client);
  const proof = await client.authentication();
  const transactionId = new Uint8Array(12).fill(9);
  const mutator = new Mutator(7350, [
    encodeRequest(METHOD.binding, [], undefined, { fingerprint: true }),
    encodeRequest(METHOD.allocate, [requestedTransportAttribute(17)], proof),
    encodeRequest(METHOD.refresh, [], proof),
    encodeRequest(METHOD.createPermission, [peerAttribute(peer.address, transactionId)], proof),
    encodeRequest(METHOD.send, [{ type: ATTRIBUTE.data, value: Buffer.from("data") }], undefined),
    encodeChannelData(0x4000, Buffer.from("data"), 4),
  ]);

  let connections = 0;
  let hostile: StreamTransport | undefined;
  for (let i = 0; i < COUNT; i++) {
    if (hostile === undefined || hostile.socket.destroyed || !hostile.socket.writable) {
      hostile = await bench.connect();
      connections++;
    }
    // The write may meet a connection that has just been cut.
    hostile.socket.write(mutator.next());
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await hostile?.close();
  expect(connections).toBeGreaterThan(1);

  await expect.poll(() => streams.size, { timeout: 10_000 }).toBe(1);
  expect(failures).toEqual([]);
  expect([turn.allocationCount, allocator.openCount]).toEqual([1, 1]);
  assertSuccess(await client.channelBind(0x4001, peer.address), "ChannelBind");
  const arrived: string[] = [];
  peer.onPacket((bytes) => arrived.push(Buffer.from(bytes).toString()));
  await client.sendChannelData(0x4001, Buffer.from("still here"));
  await expect.poll(() => arrived).toEqual(["still here"]);
  await client.close();
  turn.close();
  await bench.listener.close();
});
