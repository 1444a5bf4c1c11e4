/** A drain: nobody new comes in, calls run on until they are over or the bound is reached, and then the server ends. */

import { afterEach, describe, expect, test } from "vitest";
import { createLogger } from "../../src/observe/logger.ts";
import { createServer, type ServerHooks, type TurnpikeServer } from "../../src/server.ts";
import { askAdmin } from "../support/admin-request.ts";
import { RoomBench } from "../support/room-bench.ts";
import { SignalingClient } from "../support/signaling-client.ts";
import { testConfig } from "../support/test-config.ts";

const ROOM = "blue-fox";
const OTHER = "wss://b.example.com/signal";
/** Longer than any of these tests. */
const LONG_SECONDS = 60;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(settings: Parameters<typeof testConfig>[0] = {}, hooks: ServerHooks = {}) {
  const server = createServer(testConfig({ drainSeconds: LONG_SECONDS, ...settings }), hooks);
  cleanups.push(() => server.close());
  const { http, admin } = await server.start();
  const port = http[0]?.port ?? 0;
  const adminPort = admin[0]?.port ?? 0;
  return {
    server,
    open: () => SignalingClient.open(`ws://127.0.0.1:${port}/signal`),
    ready: async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status,
    healthy: async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).status,
    ask: (method: string, path: string, headers?: Record<string, string>) =>
      askAdmin(adminPort, method, path, headers),
    isDraining: async () => {
      const page = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
      return page.split("\n").find((line) => line.startsWith("turnpike_draining "));
    },
  };
}

type Started = Awaited<ReturnType<typeof start>>;

async function call({ open }: Started) {
  const [ada, bob] = [await open(), await open()];
  const { resumeToken } = await ada.join(ROOM);
  await bob.join(ROOM);
  return { ada, bob, resumeToken };
}

function isOpen(server: TurnpikeServer): boolean {
  return server.addresses !== undefined;
}

describe("while a server drains", () => {
  test("its members are told, nobody new is let in, and who lost a socket takes the seat back", async () => {
    const started = await start();
    const { ada, bob, resumeToken } = await call(started);
    expect([await started.ready(), await started.isDraining()]).toEqual([200, "turnpike_draining 0"]);
    const drained = started.server.drain();
    for (const member of [ada, bob])
      expect(await member.next("go-away")).toMatchObject({ graceSeconds: LONG_SECONDS });
    expect([await started.ready(), await started.healthy()]).toEqual([503, 200]);
    expect(await started.isDraining()).toBe("turnpike_draining 1");

    const late = await started.open();
    for (const type of ["join", "create"]) {
      late.send({ type, v: 1, room: "red-fox" });
      expect(await late.next("error")).toMatchObject({ code: "draining" });
    }
    const lastSeq = ada.received.at(-1)?.seq;
    ada.webSocket.terminate();
    await bob.next("peer-away");
    late.send({ type: "join", v: 1, resumeToken, lastSeq });
    await late.next("joined");
    await bob.next("peer-back");
    late.send({ type: "message", data: "still here" });
    expect(await bob.next("message")).toMatchObject({ data: "still here" });
    expect(isOpen(started.server)).toBe(true);

    late.send({ type: "leave" });
    await drained;
    expect(isOpen(started.server)).toBe(false);
  });

  test("it tells where to go instead, as long as there is another server", async () => {
    let other: string | undefined = OTHER;
    const started = await start({}, { otherNodeUrl: () => other });
    const { ada } = await call(started);
    void started.server.drain();
    expect(await ada.next("go-away")).toMatchObject({ url: OTHER });
    const late = await started.open();
    late.send({ type: "join", v: 1, room: "red-fox" });
    expect(await late.next("error")).toMatchObject({ code: "draining", url: OTHER });
    other = undefined;
    late.send({ type: "join", v: 1, room: "red-fox" });
    expect(await late.next("error")).not.toHaveProperty("url");
  });

  test("to drain it again changes nothing", async () => {
    const started = await start();
    const { ada } = await call(started);
    const drained = started.server.drain();
    expect(started.server.drain()).toBe(drained);
    await ada.next("go-away");
    ada.send({ type: "leave" });
    await drained;
    expect(ada.received.filter(({ type }) => type === "go-away")).toHaveLength(1);
  });

  test("TURN clients outside of rooms get no new allocation, what they have goes on, members get more", async () => {
    const bench = new RoomBench();
    cleanups.push(() => bench.close());
    const users = [{ name: "static", password: "a static password" }];
    const server = await bench.start({ users, drainSeconds: LONG_SECONDS });
    const [ada] = [await bench.join(ROOM), await bench.join(ROOM)];
    const outsider = { username: "static", password: "a static password" };
    const [old, member] = [await bench.relay(outsider), await ada.relay()];
    expect((await old.allocate()).outcome).toBe("success");
    expect((await member.allocate()).outcome).toBe("success");

    void server.drain();
    expect((await (await bench.relay(outsider)).allocate()).outcome).toBe(508);
    expect((await old.refresh()).outcome).toBe("success");
    expect((await (await ada.relay()).allocate()).outcome).toBe("success");
  });
});

describe("a drain ends", () => {
  test("at once where there is no call: somebody who waits alone in a room is none", async () => {
    const started = await start();
    const ada = await started.open();
    await ada.join(ROOM);
    await started.server.drain();
    await ada.next("go-away");
    expect(await ada.next("room-closed")).toMatchObject({ reason: "shutdown" });
    expect((await ada.closed).code).toBe(1001);
  });

  test("not before the allocation of a client outside of rooms has ended", async () => {
    const bench = new RoomBench();
    cleanups.push(() => bench.close());
    const users = [{ name: "static", password: "a static password" }];
    const server = await bench.start({ users, drainSeconds: LONG_SECONDS });
    const client = await bench.relay({ username: "static", password: "a static password" });
    await client.allocate();
    let isOver = false;
    const drained = server.drain().then(() => {
      isOver = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(isOver).toBe(false);
    await client.refresh(0);
    await drained;
  });

  test("at its bound: what is left hears the shutdown", async () => {
    const started = await start({ drainSeconds: 1 });
    const { ada, bob } = await call(started);
    const startedAt = performance.now();
    await started.server.drain();
    expect(performance.now() - startedAt).toBeGreaterThan(950);
    for (const member of [ada, bob])
      expect(await member.next("room-closed")).toMatchObject({ reason: "shutdown" });
  });

  test("when it is closed: members hear of the shorter time", async () => {
    const started = await start({ shutdownSeconds: 30 });
    const { ada } = await call(started);
    const drained = started.server.drain();
    expect(await ada.next("go-away")).toMatchObject({ graceSeconds: LONG_SECONDS });
    const closed = started.server.close();
    expect(await ada.next("go-away")).toMatchObject({ graceSeconds: 29 });
    ada.send({ type: "leave" });
    await Promise.all([drained, closed]);
  });

  test("before it has begun where the server does not run", async () => {
    const server = createServer(testConfig());
    await server.drain();
    await expect(server.start()).rejects.toThrow("the server is closed");
  });
});

describe("POST /drain on the admin port", () => {
  test("drains, says what is still there, and says it again", async () => {
    const started = await start();
    const { ada } = await call(started);
    const status = { draining: true, graceSeconds: LONG_SECONDS, rooms: 1, members: 2, allocations: 0 };
    for (let i = 0; i < 2; i++)
      expect(await started.ask("POST", "/drain")).toEqual({ status: 200, body: status });
    await ada.next("go-away");
    ada.send({ type: "leave" });
    await started.server.drain();
    expect(isOpen(started.server)).toBe(false);
  });

  test("is answered also where nothing is left to wait for", async () => {
    const started = await start();
    expect(await started.ask("POST", "/drain")).toMatchObject({ status: 200, body: { members: 0 } });
    await started.server.drain();
  });

  test("may name the server to go to", async () => {
    const started = await start();
    const { ada } = await call(started);
    await started.ask("POST", `/drain?url=${encodeURIComponent(OTHER)}`);
    expect(await ada.next("go-away")).toMatchObject({ url: OTHER });
    const late = await started.open();
    late.send({ type: "join", v: 1, room: "red-fox" });
    expect(await late.next("error")).toMatchObject({ code: "draining", url: OTHER });
  });

  test.each<[string, string, string, Record<string, string>, number, string]>([
    ["a form on a page", "POST", "/drain", { origin: "https://evil.example" }, 403, "not-for-browsers"],
    ["DNS rebinding", "POST", "/drain", { host: "evil.example" }, 403, "not-for-browsers"],
    ["another method", "GET", "/drain", {}, 405, "method-not-allowed"],
    ["no URL", "POST", "/drain?url=b.example.com", {}, 400, "bad-request"],
    ["another kind of URL", "POST", "/drain?url=javascript:alert(1)", {}, 400, "bad-request"],
    ["a URL without end", "POST", `/drain?url=wss://${"x".repeat(1024)}`, {}, 400, "bad-request"],
  ])("refuses %s, and drains nothing", async (_what, method, path, headers, status, code) => {
    const started = await start();
    expect(await started.ask(method, path, headers)).toMatchObject({ status, body: { error: { code } } });
    expect(await started.ready()).toBe(200);
    expect(await started.ask("POST", "/drain")).toMatchObject({ status: 200 });
    await started.server.drain();
  });
});

test("the log has a line when a drain begins and when it is over", async () => {
  const lines: string[] = [];
  const logger = createLogger({ level: "info", stream: { write: (line: string) => void lines.push(line) } });
  const started = await start({}, { logger });
  const { ada } = await call(started);
  const drained = started.server.drain();
  ada.send({ type: "leave" });
  await drained;
  const drains = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg.includes("drain"));
  expect(drains).toMatchObject([
    { drainSeconds: LONG_SECONDS, rooms: 1, members: 2, allocations: 0 },
    { rooms: 0, members: 0, allocations: 0 },
  ]);
});
