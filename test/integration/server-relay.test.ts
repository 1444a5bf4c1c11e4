/** Where the two halves meet: what signaling gives out opens the relay, and what ends in signaling ends there. */

import { afterEach, expect, test } from "vitest";
import { createLogger } from "../../src/observe/logger.ts";
import { createServer, type ServerHooks, type TurnpikeServer } from "../../src/server.ts";
import type { IceServer } from "../../src/signaling/protocol.ts";
import { SignalingClient } from "../support/signaling-client.ts";
import { testConfig } from "../support/test-config.ts";
import { UdpTurnClient } from "../support/udp-allocation.ts";

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
  expect(await relay.refresh(600)).toBe(437);
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
  const old = await start(testConfig({ secrets: ["old secret"] }));
  const { iceServers } = await (await SignalingClient.open(old.url)).join("blue-fox");
  const rotated = await start(testConfig({ secrets: ["new secret", "old secret"] }));
  expect(await withIceServers(rotated.turnPort, iceServers).allocate()).toBeUndefined();
  const other = await start(testConfig({ secrets: ["new secret"] }));
  expect(await withIceServers(other.turnPort, iceServers).allocate()).toBe(401);
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
