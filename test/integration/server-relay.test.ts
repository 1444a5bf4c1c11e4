/** Where the two halves meet: what signaling gives out opens the relay, and what ends in signaling ends there. */

import { setTimeout as delay } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { issueCredential } from "../../src/credentials/turn-credentials.ts";
import { createLogger } from "../../src/observe/logger.ts";
import { createServer, type ServerHooks, type TurnpikeServer } from "../../src/server.ts";
import type { IceServer } from "../../src/signaling/protocol.ts";
import { withPort } from "../../src/stun/address.ts";
import { transportTo } from "../support/endpoint.ts";
import { SignalingClient } from "../support/signaling-client.ts";
import { LOOPBACK_4, testConfig } from "../support/test-config.ts";
import { TurnClient } from "../support/turn-client.ts";
import { UdpTurnClient } from "../support/udp-allocation.ts";
import { openUdpEndpoint } from "../support/udp-endpoint.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Bench {
  readonly server: TurnpikeServer;
  readonly url: string;
  readonly turnPort: number;
  metric(name: string): Promise<number>;
}

async function start(config = testConfig(), hooks: ServerHooks = {}): Promise<Bench> {
  const server = createServer(config, hooks);
  cleanups.push(() => server.close());
  const { http, turn, admin } = await server.start();
  return {
    server,
    url: `ws://127.0.0.1:${http[0]?.port}/signal`,
    turnPort: turn[0]?.port ?? 0,
    async metric(name) {
      const page = await (await fetch(`http://127.0.0.1:${admin[0]?.port}/metrics`)).text();
      const line = page.split("\n").find((text) => text.startsWith(`${name} `));
      return Number(line?.slice(name.length + 1));
    },
  };
}

function turnClient(port: number, username: string, password: string): UdpTurnClient {
  const client = new UdpTurnClient(port, { username, password });
  cleanups.push(() => client.close());
  return client;
}

function withIceServers(port: number, iceServers: readonly IceServer[]): UdpTurnClient {
  const server = iceServers.find(({ credential }) => credential !== undefined);
  return turnClient(port, server?.username ?? "", server?.credential ?? "");
}

test("the iceServers of a join open the relay, and leaving ends the allocation at once", async () => {
  const bench = await start();
  const member = await SignalingClient.open(bench.url);
  const { iceServers } = await member.join("blue-fox");
  const relay = withIceServers(bench.turnPort, iceServers);
  expect(await relay.allocate()).toBeUndefined();
  expect(await relay.refresh(600)).toBeUndefined();
  expect(await bench.metric("turnpike_allocations")).toBe(1);
  member.send({ type: "leave" });
  await member.next("ok");
  expect(await bench.metric("turnpike_allocations")).toBe(0);
  expect(await bench.metric('turnpike_allocations_closed_total{reason="room-left"}')).toBe(1);
  expect(await relay.refresh(600)).toBe(401);
});

test("one member's leave ends the allocations of both in a room of two", async () => {
  const bench = await start();
  const members = [await SignalingClient.open(bench.url), await SignalingClient.open(bench.url)];
  for (const member of members) {
    const { iceServers } = await member.join("blue-fox");
    expect(await withIceServers(bench.turnPort, iceServers).allocate()).toBeUndefined();
  }
  expect(await bench.metric("turnpike_allocations")).toBe(2);
  members[0]?.send({ type: "leave" });
  await members[1]?.next("room-closed");
  expect(await bench.metric("turnpike_allocations")).toBe(0);
});

test("a member who leaves does not end the allocations of another room", async () => {
  const bench = await start();
  const [leaving, staying] = [await SignalingClient.open(bench.url), await SignalingClient.open(bench.url)];
  await leaving.join("red-fox");
  const relay = withIceServers(bench.turnPort, (await staying.join("blue-fox")).iceServers);
  expect(await relay.allocate()).toBeUndefined();
  leaving.send({ type: "leave" });
  await leaving.next("ok");
  expect(await relay.refresh(600)).toBeUndefined();
});

test("static users open the relay; a wrong password does not, and is no obstacle for the next", async () => {
  const bench = await start(testConfig({ users: [{ name: "ada", password: "lovelace" }] }));
  expect(await turnClient(bench.turnPort, "ada", "wrong").allocate()).toBe(401);
  expect(
    await turnClient(bench.turnPort, "toString", "function toString() { [native code] }").allocate(),
  ).toBe(401);
  expect(await turnClient(bench.turnPort, "ada", "lovelace").allocate()).toBeUndefined();
});

test("an older secret still opens the relay", async () => {
  const { username, credential } = issueCredential("old secret", "guest", Math.floor(Date.now() / 1000) + 60);
  const rotated = await start(testConfig({ secrets: ["new secret", "old secret"] }));
  expect(await turnClient(rotated.turnPort, username, credential).allocate()).toBeUndefined();
  const other = await start(testConfig({ secrets: ["new secret"] }));
  expect(await turnClient(other.turnPort, username, credential).allocate()).toBe(401);
});

test("the credentials of a member who left make no allocation any more; those of the next one do", async () => {
  const bench = await start();
  const leaving = await SignalingClient.open(bench.url);
  const { iceServers } = await leaving.join("blue-fox");
  leaving.send({ type: "leave" });
  await leaving.next("ok");
  expect(await withIceServers(bench.turnPort, iceServers).allocate()).toBe(401);
  expect(await bench.metric("turnpike_allocations")).toBe(0);
  const next = await (await SignalingClient.open(bench.url)).join("blue-fox");
  expect(await withIceServers(bench.turnPort, next.iceServers).allocate()).toBeUndefined();
});

test("an allocation outlives its credentials for as long as its member has a seat, and no longer", async () => {
  const bench = await start(testConfig({ ttlSeconds: 2 }));
  const member = await SignalingClient.open(bench.url);
  const { iceServers } = await member.join("blue-fox");
  const running = withIceServers(bench.turnPort, iceServers);
  expect(await running.allocate()).toBeUndefined();
  await delay(2500);
  expect(await withIceServers(bench.turnPort, iceServers).allocate()).toBe(401);
  expect(await running.refresh(600)).toBeUndefined();
  const fresh = await member.next("ice-servers");
  expect(await withIceServers(bench.turnPort, fresh.iceServers).allocate()).toBeUndefined();
  member.send({ type: "leave" });
  await member.next("ok");
  expect(await running.refresh(600)).toBe(401);
  expect(await bench.metric("turnpike_allocations")).toBe(0);
});

test("close ends the allocations, and frees the TURN port", async () => {
  const lines: string[] = [];
  const logger = createLogger({ level: "info", stream: { write: (line: string) => void lines.push(line) } });
  const bench = await start(testConfig(), { logger });
  const { iceServers } = await (await SignalingClient.open(bench.url)).join("blue-fox");
  expect(await withIceServers(bench.turnPort, iceServers).allocate()).toBeUndefined();
  await bench.server.close();
  const closed = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === "allocation closed");
  expect(closed).toMatchObject([{ transport: "udp", sentPackets: 0 }]);
  expect((await start(testConfig({ turnPort: bench.turnPort }))).turnPort).toBe(bench.turnPort);
});

test("a member has its own quota, and users outside of rooms have theirs", async () => {
  const limits = { maxAllocationsPerMember: 1, maxAllocationsPerUser: 2 };
  const bench = await start(testConfig({ users: [{ name: "ada", password: "lovelace" }], limits }));
  const { iceServers } = await (await SignalingClient.open(bench.url)).join("blue-fox");
  expect(await withIceServers(bench.turnPort, iceServers).allocate()).toBeUndefined();
  expect(await withIceServers(bench.turnPort, iceServers).allocate()).toBe(486);
  for (const expected of [undefined, undefined, 486]) {
    expect(await turnClient(bench.turnPort, "ada", "lovelace").allocate()).toBe(expected);
  }
  const other = await (await SignalingClient.open(bench.url)).join("red-fox");
  expect(await withIceServers(bench.turnPort, other.iceServers).allocate()).toBeUndefined();
});

test("a seat waits for its member as long as packets are relayed for it", async () => {
  const bench = await start(testConfig({ resumeSeconds: 1, relayTo: "public" }));
  const member = await SignalingClient.open(bench.url);
  const iceServer = (await member.join("blue-fox")).iceServers.find(
    ({ credential }) => credential !== undefined,
  );
  const { username = "", credential: password = "" } = iceServer ?? {};
  const [local, peer] = [await openUdpEndpoint(LOOPBACK_4), await openUdpEndpoint(LOOPBACK_4)];
  cleanups.push(
    () => local.close(),
    () => peer.close(),
  );
  const relay = new TurnClient(transportTo(withPort(LOOPBACK_4, bench.turnPort), local), {
    username,
    password,
  });
  expect((await relay.allocate()).outcome).toBe("success");
  expect((await relay.createPermission(peer.address)).outcome).toBe("success");

  member.webSocket.terminate();
  // Twice as long as the seat would wait without them.
  for (let sent = 0; sent < 20; sent++) {
    await relay.sendIndication(peer.address, Buffer.from("media"));
    await delay(100);
  }
  expect(await bench.metric("turnpike_members")).toBe(1);
  await expect.poll(() => bench.metric("turnpike_members"), { timeout: 4000 }).toBe(0);
  expect(await bench.metric("turnpike_allocations")).toBe(0);
});
