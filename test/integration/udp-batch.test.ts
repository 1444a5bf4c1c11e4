/** The batched UDP engine over real sockets: what the conformance suite, which runs over it too, does not ask. */

import { readdirSync } from "node:fs";
import { constants } from "node:os";
import { platform } from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LISTENER_BUFFER_BYTES } from "../../src/net/dgram-socket.ts";
import { BatchRelayAllocator } from "../../src/net/udp-batch/batch-relay-sockets.ts";
import type { BatchSocket } from "../../src/net/udp-batch/batch-socket.ts";
import { BatchEngine } from "../../src/net/udp-batch/engine.ts";
import type { OverSocket } from "../../src/net/udp-batch/flow-carriage.ts";
import { type Libc, loadLibc } from "../../src/net/udp-batch/libc.ts";
import { floatWords, ORDER } from "../../src/net/udp-batch/records.ts";
import { openUdpEngine, UdpEngineError } from "../../src/net/udp-engine.ts";
import {
  type IpAddress,
  sameTransportAddress,
  type TransportAddress,
  withPort,
} from "../../src/stun/address.ts";
import type { FlowEnds } from "../../src/turn/flow-carrier.ts";
import type { IcmpError, RelayPortParity, RelaySocketResult } from "../../src/turn/ports.ts";
import type { Endpoint } from "../support/endpoint.ts";
import { LOOPBACK_4, LOOPBACK_6 } from "../support/test-config.ts";
import { openUdpEndpoint } from "../support/udp-endpoint.ts";

const ANY_PORT = withPort(LOOPBACK_4, 0);
const ignore = () => undefined;

/** Long enough to tell a thread that sleeps from one that does not. */
const QUIET_MS = 300;
const BUSY_MS = QUIET_MS / 2;
/** Of no kind that there is. */
const NO_ORDER = 99;
/** Several times what a thread's ring has room for. */
const MANY_ORDERS = 20_000;
const PORTS = { min: 21140, max: 21159 };
const { EMFILE } = constants.errno;
/** Of the engines that were opened last. */
const calls = { socket: 0 };
/** What the system of these engines refuses. */
let descriptorsLeft = Number.POSITIVE_INFINITY;

async function openEngine(failed: (error: unknown) => void): Promise<BatchEngine> {
  const libc = await libcOfThisMachine();
  let errno = 0;
  function fail(code: number): number {
    errno = code;
    return -1;
  }
  return new BatchEngine(
    {
      ...libc,
      socket(...args) {
        calls.socket++;
        return descriptorsLeft-- > 0 ? libc.socket(...args) : fail(EMFILE);
      },
      errno() {
        const code = errno || libc.errno();
        errno = 0;
        return code;
      },
    },
    failed,
  );
}

async function libcOfThisMachine(): Promise<Libc> {
  const result = await loadLibc();
  if (!result.ok) throw new Error(result.reason);
  return result.libc;
}

function descriptorCount(): number {
  return readdirSync("/proc/self/fd").length;
}

describe.runIf(platform === "linux")("the batched engine", () => {
  let engine: BatchEngine;
  let failures: unknown[];
  let neighbour: Endpoint;

  beforeEach(async () => {
    failures = [];
    engine = await openEngine((error) => failures.push(error));
    await engine.ready();
    neighbour = await openUdpEndpoint(LOOPBACK_4);
  });

  afterEach(async () => {
    await engine.close();
    await neighbour.close();
  });

  /** A socket that keeps what it receives. */
  function listen(act: (text: string, socket: BatchSocket) => void = ignore) {
    const texts: string[] = [];
    const socket: BatchSocket = engine.open(
      ANY_PORT,
      (_slot, start, end) => {
        const text = engine.arena.bytes.toString("latin1", start, end);
        texts.push(text);
        act(text, socket);
      },
      { bufferBytes: LISTENER_BUFFER_BYTES },
    );
    return { socket, texts };
  }

  async function sendAll(to: TransportAddress, texts: readonly string[]): Promise<void> {
    await Promise.all(texts.map((text) => neighbour.send(to, Buffer.from(text, "latin1"))));
  }

  const numbered = (count: number) => Array.from({ length: count }, (_, i) => `packet ${i}`);

  test("receives bursts larger than its slots, in order", async () => {
    const { socket, texts } = listen();
    const wanted = numbered(300);
    await sendAll(socket.address, wanted);
    await expect.poll(() => texts.length).toBe(wanted.length);
    expect(texts).toEqual(wanted);
  });

  test("sends back what it receives, of any size, where it lies", async () => {
    const sizes = [0, 1, 2, 3, 4, 1200, 1472, 1473, 9000, 65_507];
    const socket: BatchSocket = engine.open(ANY_PORT, (_slot, start, end) => {
      engine.send(socket, neighbour.address, engine.arena.bytes, start, end);
    });
    const back: number[] = [];
    neighbour.onPacket((bytes) => back.push(bytes.length));
    for (const size of sizes) {
      await neighbour.send(socket.address, Buffer.alloc(size, size & 0xff));
      await expect.poll(() => back.at(-1)).toBe(size);
    }
    expect(back).toEqual(sizes);
  });

  test("sends what did not come in by it, more than it has room for, from outside of a round", async () => {
    const { socket } = listen();
    const { socket: other, texts: arrived } = listen();
    const wanted = numbered(600);
    for (const text of wanted) {
      const data = Buffer.from(text, "latin1");
      engine.send(socket, other.address, data, 0, data.length);
      // The bytes are its own from here on.
      data.fill(0);
    }
    await expect.poll(() => arrived.length).toBe(wanted.length);
    expect(arrived).toEqual(wanted);
  });

  test("a receiver that throws is told of, and hears the next packet", async () => {
    const { socket, texts } = listen((text) => {
      if (text === "bad") throw new Error("a defect");
    });
    await sendAll(socket.address, ["bad"]);
    await sendAll(socket.address, ["good"]);
    await expect.poll(() => texts).toEqual(["bad", "good"]);
    expect(failures).toEqual([new Error("a defect")]);
  });

  test("a socket that is closed by its own packet hears no other, and its place is another's", async () => {
    const first = listen((_text, socket) => engine.closeSocket(socket));
    await sendAll(first.socket.address, numbered(20));
    await expect.poll(() => first.texts).toEqual(["packet 0"]);
    // It is free when the thread has heard of it.
    await delay(QUIET_MS);
    const second = listen();
    expect(second.socket.index).toBe(first.socket.index);
    await sendAll(second.socket.address, ["to the second"]);
    await expect.poll(() => second.texts).toEqual(["to the second"]);
    expect(first.texts).toHaveLength(1);
  });

  test("a port that is taken is EADDRINUSE, and no descriptor is lost", async () => {
    const before = descriptorCount();
    expect(() => engine.open(neighbour.address, ignore)).toThrow(
      expect.objectContaining({ code: "EADDRINUSE", syscall: "bind" }),
    );
    expect(descriptorCount()).toBe(before);
    const { socket, texts } = listen();
    await sendAll(socket.address, ["served"]);
    await expect.poll(() => texts).toEqual(["served"]);
  });

  /** A socket that hears of ICMP errors, and a port of the same machine where nobody listens. */
  async function openAsker(ip: IpAddress) {
    const errors: IcmpError[] = [];
    const onIcmp = (error: IcmpError) => void errors.push(error);
    const socket = engine.open(withPort(ip, 0), ignore, { isRelay: true, onIcmp });
    const closed = await openUdpEndpoint(ip);
    await closed.close();
    const send = (to: TransportAddress, text: string) =>
      engine.send(socket, to, Buffer.from(text), 0, text.length);
    return { errors, send, closed: closed.address };
  }

  test.each([
    ["IPv4", LOOPBACK_4, { type: 3, code: 3 }],
    ["IPv6", LOOPBACK_6, { type: 1, code: 4 }],
  ])("tells of a closed port over %s, and sleeps after it", async (_name, ip, unreachable) => {
    const { errors, send, closed } = await openAsker(ip);
    send(closed, "nobody");
    await expect.poll(() => errors).toEqual([{ target: closed, ...unreachable, mtu: 0 }]);
    const before = process.cpuUsage();
    await delay(QUIET_MS);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(BUSY_MS);
    expect([...engine.sendErrors]).toEqual([]);
  });

  test("what is refused keeps nothing else from leaving, or from coming in", async () => {
    const { errors, send, closed } = await openAsker(LOOPBACK_4);
    const { socket, texts } = listen();
    const wanted = numbered(200);
    for (const text of wanted) {
      send(closed, "nobody");
      send(socket.address, text);
      await new Promise(setImmediate);
    }
    await expect.poll(() => texts.length).toBe(wanted.length);
    expect(texts).toEqual(wanted);
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.every(({ target }) => sameTransportAddress(target, closed))).toBe(true);
    expect([...engine.sendErrors]).toEqual([]);
  });

  test("a socket that cannot be waited for is closed again", async () => {
    const libc = await libcOfThisMachine();
    let isFull = false;
    // What the system says where fs.epoll.max_user_watches is reached.
    const other = new BatchEngine(
      {
        ...libc,
        epollControl: (...args) => (isFull ? -1 : libc.epollControl(...args)),
        errno: () => (isFull ? constants.errno.ENOSPC : libc.errno()),
      },
      ignore,
    );
    await other.ready();
    const before = descriptorCount();
    isFull = true;
    expect(() => other.open(ANY_PORT, ignore)).toThrow(/ENOSPC/);
    await expect.poll(descriptorCount).toBe(before);
    isFull = false;
    const received = vi.fn();
    const { address } = other.open(ANY_PORT, received);
    await sendAll(address, ["served"]);
    await expect.poll(() => received).toHaveBeenCalledOnce();
    await other.close();
  });

  test("a thread that ends is told of and replaced: its sockets are heard on, and those that were closed are gone", async () => {
    const { socket, texts } = listen();
    const before = descriptorCount();
    const { socket: closed } = listen();
    await sendAll(socket.address, ["before"]);
    await expect.poll(() => texts).toEqual(["before"]);
    engine.threads[socket.thread]?.order([NO_ORDER]);
    engine.closeSocket(closed);
    await expect.poll(() => failures.length).toBeGreaterThanOrEqual(2);
    expect(failures.map(String).join()).toMatch(/not known: 99.*another one takes its place/);
    await sendAll(socket.address, ["after"]);
    await expect.poll(() => texts).toEqual(["before", "after"]);
    await expect.poll(descriptorCount).toBe(before);
    const { socket: later, texts: heard } = listen();
    await sendAll(later.address, ["served"]);
    await expect.poll(() => heard).toEqual(["served"]);
  });

  /** Of what the carriage asks of a link or a relay socket. */
  function over(socket: BatchSocket): FlowEnds["link"] & FlowEnds["socket"] {
    return { socket, remote: neighbour.address } as Partial<OverSocket> as FlowEnds["link"] &
      FlowEnds["socket"];
  }

  function endsOf(listener: BatchSocket, relay: BatchSocket): FlowEnds {
    return {
      link: over(listener),
      socket: over(relay),
      target: neighbour.address,
      channel: undefined,
      buckets: { own: undefined, room: undefined, total: undefined },
      expiresAtMs: Number.POSITIVE_INFINITY,
    };
  }

  test("more orders at once than there is room for are done all the same, and in order", async () => {
    const [thread] = engine.threads;
    const burst = [...floatWords(1), ...floatWords(1)];
    for (let i = 0; i < MANY_ORDERS; i++) thread?.order([ORDER.answerBindings, ...burst, 0]);
    const { socket, texts } = listen();
    const { socket: closed } = listen();
    const before = descriptorCount();
    engine.closeSocket(closed);
    await sendAll(socket.address, ["served"]);
    await expect.poll(() => texts).toEqual(["served"]);
    await expect.poll(descriptorCount).toBe(before - 1);
    expect(failures).toEqual([]);
  });

  test("a socket that a flow of another thread uses when its own thread ends is gone when the flow is", async () => {
    const two = new BatchEngine(await libcOfThisMachine(), (error) => failures.push(error), 2);
    await two.ready();
    const before = descriptorCount();
    const [listener, relay] = [0, 1].map((thread) => two.open(ANY_PORT, ignore, { thread })) as [
      BatchSocket,
      BatchSocket,
    ];
    const flow = two.flows.carry(endsOf(listener, relay));
    expect(flow).toBeDefined();
    two.threads[1]?.order([NO_ORDER]);
    two.closeSocket(relay);
    // When the thread is replaced; the other one has still to say that it carries it no more.
    await expect.poll(() => flow?.isOver).toBe(true);
    await expect.poll(descriptorCount).toBe(before + 1);
    // Closed sockets carry nothing any more.
    expect(two.flows.carry(endsOf(listener, relay))).toBeUndefined();
    await two.close();
  });

  test("an engine whose second thread cannot be had leaves nothing", async () => {
    const libc = await libcOfThisMachine();
    const before = descriptorCount();
    let polls = 1;
    const scarce = {
      ...libc,
      epollCreate: (flags: number) => (polls-- > 0 ? libc.epollCreate(flags) : -1),
      errno: () => EMFILE,
    };
    expect(() => new BatchEngine(scarce, ignore, 2)).toThrow("epoll_create1: EMFILE");
    await expect.poll(descriptorCount).toBe(before);
    expect(() => new BatchEngine({ ...libc, eventfd: () => -1, errno: () => EMFILE }, ignore)).toThrow(
      "eventfd: EMFILE",
    );
    await expect.poll(descriptorCount).toBe(before);
    const { socket, texts } = listen();
    await sendAll(socket.address, ["served"]);
    await expect.poll(() => texts).toEqual(["served"]);
  });

  test("threads share what comes to one port: each client's packets are one thread's, all are heard", async () => {
    const shared = new BatchEngine(await libcOfThisMachine(), (error) => failures.push(error), 2);
    await shared.ready();
    const heard: { thread: number; text: string }[] = [];
    const open = (port: number, thread: number) => {
      const socket: BatchSocket = shared.open(
        withPort(LOOPBACK_4, port),
        (_slot, start, end) =>
          heard.push({ thread: socket.thread, text: shared.arena.bytes.toString("latin1", start, end) }),
        { reusePort: true, kind: "listener", thread },
      );
      return socket;
    };
    const { address } = open(0, 0);
    open(address.port, 1);
    const clients = await Promise.all(Array.from({ length: 16 }, () => openUdpEndpoint(LOOPBACK_4)));
    for (const round of [1, 2])
      for (const [i, client] of clients.entries()) await client.send(address, Buffer.from(`${i}.${round}`));
    await expect.poll(() => heard.length).toBe(clients.length * 2);
    const threadsOf = (client: number) =>
      new Set(heard.filter(({ text }) => text.startsWith(`${client}.`)).map(({ thread }) => thread));
    for (const i of clients.keys()) expect(threadsOf(i).size).toBe(1);
    expect(new Set(heard.map(({ thread }) => thread))).toEqual(new Set([0, 1]));
    await Promise.all(clients.map((client) => client.close()));
    await shared.close();
  });

  test("without a descriptor left a relay socket is refused at the first port, nothing is lost, and the next is had", async () => {
    const allocator = new BatchRelayAllocator(engine, [{ bindIp: LOOPBACK_4, relayedIp: LOOPBACK_4 }], PORTS);
    const open = (parity: RelayPortParity) =>
      new Promise<RelaySocketResult>((resolve) => allocator.open({ family: 4, parity }, resolve));
    const before = descriptorCount();
    for (const [parity, left] of [
      ["any", 0],
      ["even-with-next", 1],
    ] as const) {
      descriptorsLeft = left;
      calls.socket = 0;
      expect(await open(parity)).toEqual({ ok: false, reason: "no-port" });
      expect(calls.socket).toBe(left + 1);
      await expect.poll(descriptorCount).toBe(before);
    }
    descriptorsLeft = Number.POSITIVE_INFINITY;
    const result = await open("even-with-next");
    if (!result.ok) throw new Error(result.reason);
    result.socket.close();
    result.next?.close();
    await expect.poll(descriptorCount).toBe(before);
  });

  test("when it closes, every descriptor is given back", async () => {
    const before = descriptorCount();
    const other = await openEngine(ignore);
    await other.ready();
    for (let i = 0; i < 100; i++) other.open(ANY_PORT, ignore);
    const kept = other.open(ANY_PORT, ignore);
    expect(descriptorCount()).toBeGreaterThan(before + 100);
    await other.close();
    await other.close();
    expect(descriptorCount()).toBe(before);
    expect(() => other.send(kept, neighbour.address, Buffer.from("late"), 0, 4)).not.toThrow();
  });
});

describe("which engine", () => {
  const absent = async () => ({ ok: false, reason: "the package koffi does not load" }) as const;

  test("dgram, where the batched one cannot be had", async () => {
    const engine = await openUdpEngine("auto", ignore, 1, absent);
    expect(engine).toMatchObject({
      name: "dgram",
      why: "no batched engine: the package koffi does not load",
    });
  });

  test("an error, where the batched one is asked for and cannot be had", async () => {
    await expect(openUdpEngine("batch", ignore, 1, absent)).rejects.toThrow(UdpEngineError);
  });

  test.each([
    ["another system", { platform: "darwin", arch: "arm64" }, /needs Linux; this is darwin/],
    ["another processor", { platform: "linux", arch: "riscv64" }, /does not know the processor riscv64/],
    ["no koffi", { platform: "linux", arch: "x64" }, /koffi does not load: Cannot find package/],
  ])("it cannot be had on %s", async (_name, machine, reason) => {
    const importKoffi = () => Promise.reject(new Error("Cannot find package\nRequire stack"));
    const result = await loadLibc({ ...machine, importKoffi });
    expect(result).toEqual({ ok: false, reason: expect.stringMatching(reason) });
  });

  test("the one that was asked for", async () => {
    const engine = await openUdpEngine("dgram", ignore);
    expect(engine).toMatchObject({ name: "dgram", why: "it was asked for" });
  });
});
