/**
 * The relay ends with the call: while 1,000 packets a second pass each way, the call ends for one member. A second later nothing
 * passes any more, its ports are free, and its credentials open nothing.
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, expect, test } from "vitest";
import { createServer, type TurnpikeServer } from "../../src/server.ts";
import { type TransportAddress, withPort } from "../../src/stun/address.ts";
import { type Endpoint, type PacketTransport, transportTo } from "../support/endpoint.ts";
import { createSelfSignedCertificate } from "../support/self-signed.ts";
import { SignalingClient } from "../support/signaling-client.ts";
import { openStreamTransport } from "../support/stream-transport.ts";
import { LOOPBACK_4, testConfig } from "../support/test-config.ts";
import { TurnClient } from "../support/turn-client.ts";
import { isUdpAddressFree, openUdpEndpoint } from "../support/udp-endpoint.ts";

const CERTIFICATE = createSelfSignedCertificate();
const FOLDER = mkdtempSync(join(tmpdir(), "turnpike-relay-ends-"));
afterAll(() => rmSync(FOLDER, { recursive: true }));

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const ROOM = "blue-fox";
const CHANNEL = 0x4000;
const PACKETS_PER_SECOND = 1000;
const TICK_MS = 10;
const TRANSPORTS = ["udp", "tcp", "tls"] as const;
type Transport = (typeof TRANSPORTS)[number];

async function start(): Promise<TurnpikeServer> {
  const tls = { port: 0, certFile: join(FOLDER, "cert.pem"), keyFile: join(FOLDER, "key.pem") };
  writeFileSync(tls.certFile, CERTIFICATE.cert);
  writeFileSync(tls.keyFile, CERTIFICATE.key);
  const server = createServer(testConfig({ tls, clearOnLeave: false }));
  cleanups.push(() => server.close());
  await server.start();
  return server;
}

async function connect(server: TurnpikeServer, transport: Transport): Promise<PacketTransport> {
  const purpose = transport === "tls" ? "tls" : "turn";
  const to = withPort(LOOPBACK_4, server.addresses?.[purpose][0]?.port ?? 0);
  const opened =
    transport === "udp"
      ? transportTo(to, await openUdpEndpoint(LOOPBACK_4))
      : await openStreamTransport({
          server: to,
          from: LOOPBACK_4,
          ...(transport === "tls" && { ca: CERTIFICATE.cert }),
        });
  cleanups.push(() => opened.close());
  return opened;
}

interface Call {
  readonly server: TurnpikeServer;
  readonly signaling: SignalingClient;
  readonly peer: string;
  readonly credentials: { readonly username: string; readonly password: string };
  readonly client: TurnClient;
  readonly relayed: TransportAddress;
  readonly target: Endpoint;
  /** Packets that came out at the relay target, and at the client. */
  passed(): readonly [number, number];
}

async function joinAs(server: TurnpikeServer, room: string) {
  const signaling = await SignalingClient.open(`ws://127.0.0.1:${server.addresses?.http[0]?.port}/signal`);
  const { peer, iceServers } = await signaling.join(room);
  const { username = "", credential: password = "" } =
    iceServers.find(({ credential }) => credential !== undefined) ?? {};
  return { signaling, peer, credentials: { username, password } };
}

async function call(transport: Transport): Promise<Call> {
  const server = await start();
  const other = await joinAs(server, ROOM);
  // The relay target is the other member: its TURN requests come from the same address.
  await new TurnClient(await connect(server, transport), other.credentials).allocate();
  const { signaling, peer, credentials } = await joinAs(server, ROOM);
  const client = new TurnClient(await connect(server, transport), credentials);
  const target = await openUdpEndpoint(LOOPBACK_4);
  cleanups.push(() => target.close());
  const { relayedAddress } = await client.allocate();
  if (relayedAddress === undefined) throw new Error("no relayed address");
  expect((await client.channelBind(CHANNEL, target.address)).outcome).toBe("success");
  let arrivedAtTarget = 0;
  target.onPacket(() => {
    arrivedAtTarget++;
  });
  const passed = () => [arrivedAtTarget, client.data.pending.length] as const;
  return { server, signaling, peer, credentials, client, relayed: relayedAddress, target, passed };
}

/** Sends both ways until it is told to stop. */
function sendBothWays({ client, target, relayed }: Call): () => Promise<void> {
  let isOn = true;
  const perTick = (PACKETS_PER_SECOND * TICK_MS) / 1000;
  const sending = (async () => {
    const beganMs = performance.now();
    for (let tick = 1; isOn; tick++) {
      for (let i = 0; i < perTick; i++) {
        await client.sendChannelData(CHANNEL, Buffer.from("out"));
        await target.send(relayed, Buffer.from("in"));
      }
      await delay(beganMs + tick * TICK_MS - performance.now());
    }
  })();
  return () => {
    isOn = false;
    return sending;
  };
}

const ENDS: Record<string, (call: Call) => Promise<unknown>> = {
  "the member is kicked": async ({ server, peer }) => {
    const { port } = server.addresses?.admin[0] ?? {};
    const answer = await fetch(`http://127.0.0.1:${port}/rooms/${ROOM}/members/${peer}`, {
      method: "DELETE",
    });
    expect(answer.status).toBe(200);
  },
  "the room is closed": async ({ server }) => expect(await server.rooms.closeRoom(ROOM)).toBe(true),
  "the member leaves": ({ signaling }) => {
    signaling.send({ type: "leave" });
    return signaling.next("ok");
  },
};

const CASES: readonly [string, Transport][] = [
  ...TRANSPORTS.map((transport): [string, Transport] => ["the member is kicked", transport]),
  ["the room is closed", "udp"],
  ["the member leaves", "udp"],
];

test.each(CASES)("%s, relayed over %s: a second later nothing passes", async (end, transport) => {
  const running = await call(transport);
  const { server, credentials, client, relayed, passed } = running;
  const stop = sendBothWays(running);
  await expect.poll(() => Math.min(...passed())).toBeGreaterThan(100);

  await ENDS[end]?.(running);
  await delay(1000);
  const atOneSecond = passed();
  await delay(300);
  expect(passed()).toEqual(atOneSecond);
  await stop();

  expect(await isUdpAddressFree(relayed)).toBe(true);
  expect((await client.refresh(600)).outcome).toBe(401);
  for (const over of TRANSPORTS) {
    const again = new TurnClient(await connect(server, over), credentials);
    expect((await again.allocate()).outcome).toBe(401);
  }
  const next = await joinAs(server, "next-room");
  const its = new TurnClient(await connect(server, transport), next.credentials);
  expect((await its.allocate()).outcome).toBe("success");
});
