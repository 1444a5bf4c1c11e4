/**
 * A million hostile packets each over UDP, over TCP and inside TLS, to the built server in a process of its own: none of them meets
 * a defect, nothing grows, and a call works after as before. `FUZZ_PACKETS` says another number, `FUZZ_SEED` gives a run again.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TransportAddress, withPort } from "../../src/stun/address.ts";
import { allocate, assertRelays, assertSuccess } from "../conformance/checks.ts";
import { peerAt } from "../conformance/target.ts";
import { addressOf } from "../support/denied-addresses.ts";
import { transportTo } from "../support/endpoint.ts";
import { fuzzPackets, fuzzSeed } from "../support/fuzz-settings.ts";
import { HostilePackets } from "../support/hostile-packets.ts";
import { MAX_HEAP_GROWTH_BYTES } from "../support/memory-fuzz.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { openStreamTransport } from "../support/stream-transport.ts";
import { LOOPBACK_4, LOOPBACK_6 } from "../support/test-config.ts";
import { TurnClient } from "../support/turn-client.ts";
import { openUdpEndpoint } from "../support/udp-endpoint.ts";
import { type Attack, openEnemy, openStreamAttack, openUdpAttack } from "./support/attack.ts";
import { type CertificateFiles, makeCertificateFiles } from "./support/certificate-files.ts";
import { freePort } from "./support/free-port.ts";
import { allBut } from "./support/networks.ts";
import { ObservedServer } from "./support/observed-server.ts";

const COUNT = fuzzPackets(1_000_000);
const TIMEOUT_MS = 60_000 + COUNT / 5;
const TENTHS = 10;
/** All of the relay has had its share of them. */
const REACHED = [
  "turnpike_allocations_created_total",
  'turnpike_relayed_packets_total{direction="sent"}',
  'turnpike_relayed_packets_total{direction="received"}',
  "turnpike_relayed_inside_packets_total",
];
const RELAY_PORTS = { min: 20_000, max: 20_031 };
const ANN = { username: "ann", password: "correct horse" };
const MALLORY = { username: "mallory", password: "knows it" };
const MAX_ALLOCATIONS = 24;
/** Of what is sent; Binding indications are not counted anywhere, nor is what ends a connection. */
const MIN_HANDLED = 0.98;
const MAX_HANDLED = 1.1;
/** The relay's peers in these tests, and nothing else that a damaged address may name. */
const PEERS = "127.0.0.8/29";
const PEER_IP = addressOf("127.0.0.9");
const ENEMY_IP = addressOf("127.0.0.10");

/** So that no connection is closed because of the requests in it that have no good credentials. */
const MANY_ANSWERS = ["--unauthenticated-burst", "10000", "--unauthenticated-per-second", "10000"];

type Transport = "udp" | "tcp" | "tls";

let certificate: CertificateFiles;
beforeAll(() => {
  certificate = makeCertificateFiles();
});
afterAll(() => certificate.remove());

async function startServer(...flags: readonly string[]) {
  const tlsPort = await freePort();
  const server = await ObservedServer.start({
    flags: [
      ...["--host", "127.0.0.1,::1", "--log-level", "error"],
      ...["--tls-port", String(tlsPort), ...certificate.flags],
      ...[ANN, MALLORY].flatMap(({ username, password }) => ["--user", `${username}:${password}`]),
      ...["--allow-relay-to", PEERS, "--deny-relay-to", [...allBut(PEERS), "::/0"].join(",")],
      ...flags,
      ...["--relay-ports", `${RELAY_PORTS.min}-${RELAY_PORTS.max}`],
      ...["--max-allocations-per-user", String(MAX_ALLOCATIONS)],
    ],
  });
  const { turn, http } = server.process.ports;
  // Where TURN is told from HTTP by the first bytes.
  const ports: Record<Transport, number> = { udp: turn, tcp: http, tls: tlsPort };
  return { server, at: (transport: Transport) => withPort(LOOPBACK_4, ports[transport]) };
}

async function openClient(transport: Transport, server: TransportAddress): Promise<TurnClient> {
  const way =
    transport === "udp"
      ? transportTo(server, await openUdpEndpoint(LOOPBACK_4))
      : await openStreamTransport({
          server,
          from: LOOPBACK_4,
          ...(transport === "tls" && { ca: certificate.certificate }),
        });
  return new TurnClient(way, ANN);
}

async function openCall(transport: Transport, server: TransportAddress) {
  const [client, peer] = [await openClient(transport, server), peerAt(await openUdpEndpoint(PEER_IP))];
  const relayed = await allocate(client);
  assertSuccess(await client.createPermission(peer.address), "CreatePermission");
  await assertRelays(client, relayed, peer);
  return {
    refresh: async () => assertSuccess(await client.refresh(600), "Refresh"),
    async works() {
      assertSuccess(await client.createPermission(peer.address), "CreatePermission");
      await assertRelays(client, relayed, peer);
    },
    close: () => Promise.all([client.close(), peer.close()]),
  };
}

describe(`${COUNT} hostile packets`, () => {
  test.each(["udp", "tcp", "tls"] as const)("over %s", { timeout: TIMEOUT_MS }, async (transport) => {
    const random = new SeededRandom(fuzzSeed());
    const { server, at } = await startServer(...(transport === "udp" ? [] : MANY_ANSWERS));
    const call = await openCall(transport, at(transport));
    const nobody = { ...MALLORY, realm: "turnpike", nonce: "none" };
    const fromEnemy = new HostilePackets(random, nobody, [withPort(PEER_IP, 1)]);
    const enemy = await openEnemy(withPort(ENEMY_IP, 0), () => fromEnemy.next());
    const relayedAddresses = Array.from({ length: 16 }, (_, n) => withPort(LOOPBACK_4, RELAY_PORTS.min + n));
    const options = {
      server: at(transport),
      random,
      as: MALLORY,
      peers: [
        enemy.address,
        enemy.address,
        ...relayedAddresses,
        withPort(LOOPBACK_6, RELAY_PORTS.min),
        withPort(LOOPBACK_4, 1),
      ],
      serverIsThere: call.refresh,
    };
    const attack: Attack =
      transport === "udp"
        ? await openUdpAttack(options)
        : openStreamAttack({ ...options, ...(transport === "tls" && { ca: certificate.certificate }) });

    const descriptorsBefore = server.descriptorCount();
    const handledBefore = await server.handledPackets();
    const heap: number[] = [];
    for (let tenth = 0; tenth < TENTHS; tenth++) {
      await attack.send(COUNT / TENTHS);
      heap.push(await server.liveHeapBytes());
      // The attackers' allocations and reservations, and their connection.
      expect(server.descriptorCount() - descriptorsBefore).toBeLessThanOrEqual(MAX_ALLOCATIONS + 8);
    }
    const handled = (await server.handledPackets()) - handledBefore;
    const metrics = await server.metrics();
    for (const way of REACHED) expect(metrics.total(way), way).toBeGreaterThan(COUNT / 20_000);
    expect(metrics.total("turnpike_relay_defects_total")).toBe(0);
    expect(handled / COUNT).toBeGreaterThan(MIN_HANDLED);
    expect(handled / COUNT).toBeLessThan(MAX_HANDLED);
    expect((heap.at(-1) ?? 0) - (heap[0] ?? 0)).toBeLessThan(MAX_HEAP_GROWTH_BYTES);

    await call.works();
    const another = await openCall(transport, at(transport));
    await another.close();
    await attack.close();
    await Promise.all([call.close(), enemy.close()]);
    expect(await server.process.stop()).toEqual({ code: 0, signal: undefined });
    expect(server.process.process.output).not.toContain('"level"');
  });
});
