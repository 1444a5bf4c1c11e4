/**
 * Under full load, while permissions expire, channels are bound again and members leave: no packet passes that should not, none is lost
 * that should pass, and the relay's counters are what was sent and what arrived, to the packet.
 *
 * A permission lives 300 seconds: those that end here are made by a relay whose clock is behind meanwhile (`LoadRelay.longAgo`).
 */

import { readdirSync } from "node:fs";
import { platform } from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { openWire } from "../../bench/generator/open-wire.ts";
import type { Wire } from "../../bench/generator/wire.ts";
import type { TransportAddress } from "../../src/stun/address.ts";
import { CHANNEL_LIFETIME_MS, PERMISSION_LIFETIME_MS } from "../../src/turn/allocation.ts";
import type { DropReason } from "../../src/turn/ports.ts";
import { ALICE } from "../conformance/target.ts";
import {
  type Flow,
  LOAD_BYTES,
  LOAD_CHANNEL,
  Load,
  type LoadClient,
  type Place,
  WINDOW,
} from "../support/load.ts";
import { CLIENT_IP, type LoadRelay, openLoadRelay, PEER_IP } from "../support/load-relay.ts";
import type { TurnAnswer } from "../support/turn-answer.ts";
import type { Credentials } from "../support/turn-request.ts";

/** What is granted at the beginning ends so long after. */
const GRANTED_MS = 2000;
/** A round of a busy thread takes as long: it looks at its clock before it reads. */
const ROUND_MS = 250;
const RENEWED_MS = 300;
const LEFT_MS = 500;
const BOUND_AGAIN_MS = GRANTED_MS + 2 * ROUND_MS;
const OVER_MS = GRANTED_MS + 4 * ROUND_MS;
const REFRESH_EVERY_MS = 100;
/** Of the same kind each. */
const CALLS = 3;
const LONG = 3600;
const BEFORE_END_MS = 300;
/** Longer than a thread rests before another one takes its place. */
const REST_MS = 100;
/** On an idle machine it takes a quarter of a second. */
const LONG_POLL = { timeout: 5000 };
/** Of no kind that there is: a thread that reads it ends. */
const NO_ORDER = 99;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Bench {
  readonly relay: LoadRelay;
  readonly load: Load;
  readonly wire: Wire;
}

async function open(workers: number): Promise<Bench> {
  const relay = await openLoadRelay(workers);
  cleanups.push(() => relay.close());
  const wire = await openWire("auto");
  cleanups.push(() => wire.close());
  const load = new Load(wire, relay.server, () => totalOf(relay.counters.drops));
  return { relay, load, wire };
}

function totalOf(drops: Readonly<Record<string, number>>): number {
  return Object.values(drops).reduce((sum, count) => sum + count, 0);
}

async function must(answer: Promise<TurnAnswer>): Promise<TurnAnswer> {
  const { outcome } = await answer;
  expect(outcome).toBe("success");
  return answer;
}

interface Allocated extends LoadClient {
  readonly relayed: TransportAddress;
}

async function allocate({ load }: Bench, name: string, as: Credentials): Promise<Allocated> {
  const client = await load.client(name, CLIENT_IP, as);
  const { relayedAddress } = await must(client.turn.allocate({ lifetimeSeconds: LONG }));
  if (relayedAddress === undefined) throw new Error("no relayed address");
  return { ...client, relayed: relayedAddress };
}

/** Two members of a room, each relayed: by channels, or by Send indications. */
async function openPair(bench: Bench, room: string, byChannel: boolean) {
  const { relay, load } = bench;
  const ann = await allocate(bench, `${room} ann`, relay.rooms.member(room, "ann"));
  const ben = await allocate(bench, `${room} ben`, relay.rooms.member(room, "ben"));
  const ways = [
    [ann, ben],
    [ben, ann],
  ] as const;
  const flows = ways.map(([from, to]) =>
    load.addUp(`${from.name} to ${to.name}`, from, to, byChannel ? undefined : to.relayed),
  );
  async function grant(): Promise<void> {
    for (const [from, to] of ways) {
      if (byChannel) await must(from.turn.channelBind(LOAD_CHANNEL, to.relayed));
      else await must(from.turn.createPermission(to.relayed));
    }
  }
  return { ann, ben, flows, grant };
}

/** A client and a peer outside, both ways. */
async function openOutside(bench: Bench, name: string) {
  const { load } = bench;
  const client = await allocate(bench, name, ALICE);
  const peer = await load.peer(`${name}'s peer`, PEER_IP);
  const up = load.addUp(`${name} up`, client, peer);
  const down = load.addDown(`${name} down`, peer, client, client.relayed);
  const grant = () => must(client.turn.channelBind(LOAD_CHANNEL, peer.socket.address));
  return { up, down, flows: [up, down], grant };
}

/** A client with one channel, for one peer and later for another one. */
async function openRebound(bench: Bench, name: string) {
  const { load } = bench;
  const client = await allocate(bench, name, ALICE);
  const peers = [
    await load.peer(`${name}'s first`, PEER_IP),
    await load.peer(`${name}'s second`, PEER_IP),
  ] as const;
  const bind = (to: 0 | 1) => must(client.turn.channelBind(LOAD_CHANNEL, peers[to].socket.address));
  const permit = () => must(client.turn.createPermission(peers[0].socket.address));
  return { second: peers[1], flow: load.addUp(`${name} up`, client, peers[0]), bind, permit };
}

async function repeat(everyMs: number, untilMs: number, act: () => Promise<unknown>): Promise<void> {
  while (performance.now() < untilMs) {
    await act();
    await delay(everyMs);
  }
}

// ---- what must have arrived

function expectAll(flow: Flow, from = 0, to = flow.sent, at: Place = flow.to): void {
  const elsewhere = placesOf(flow, from, to).filter((place) => place !== at.name);
  expect([flow.name, elsewhere]).toEqual([flow.name, []]);
}

function expectNone(flow: Flow, from = 0, to = flow.sent): void {
  const arrived = placesOf(flow, from, to).filter((place) => place !== "nowhere");
  expect([flow.name, arrived]).toEqual([flow.name, []]);
}

/** Where each of these packets arrived. */
function placesOf({ arrivedAt }: Flow, from: number, to: number): readonly string[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => arrivedAt[from + i] ?? "nowhere");
}

/** The number of the first packet that was sent later than that. */
function firstAfter({ sentAtMs, sent }: Flow, ms: number): number {
  const index = sentAtMs.findIndex((at) => at > ms);
  return index < 0 ? sent : index;
}

const lostOf = (...flows: readonly Flow[]) => flows.reduce((sum, { lost }) => sum + lost.length, 0);
const arrivedOf = (flows: readonly Flow[]) => flows.reduce((sum, { arrived }) => sum + arrived, 0);

describe.runIf(platform === "linux").each([1, 2])("with %i workers", (workers) => {
  test("permissions expire, channels are bound again, members leave: what passes and what is counted is right to the packet", async () => {
    const bench = await open(workers);
    const { relay, load } = bench;
    relay.setBack(CHANNEL_LIFETIME_MS - GRANTED_MS);
    const each = <T>(open: (index: number) => Promise<T>) =>
      Promise.all(Array.from({ length: CALLS }, (_, i) => open(i)));
    const steady = await each((i) => openPair(bench, `steady${i}`, i % 2 === 0));
    const leaving = await each((i) => openPair(bench, `leaving${i}`, i % 2 === 0));
    const renewed = await each((i) => openOutside(bench, `renewed${i}`));
    const expiring = await each((i) => openOutside(bench, `expiring${i}`));
    const rebound = await each((i) => openRebound(bench, `rebound${i}`));
    for (const { bind } of rebound) await bind(0);
    const boundMs = performance.now();
    relay.setBack(PERMISSION_LIFETIME_MS - GRANTED_MS);
    for (const { grant } of [...renewed, ...expiring]) await grant();
    const grantedMs = performance.now();
    relay.setBack(0);
    for (const { permit } of rebound) await permit();
    for (const { grant } of [...steady, ...leaving]) await grant();
    const before = structuredClone(relay.counters);
    load.start();

    const refreshing = repeat(REFRESH_EVERY_MS, grantedMs + OVER_MS, async () => {
      for (const { ann, ben } of steady) {
        await must(ann.turn.refresh(LONG));
        await must(ben.turn.createPermission(ann.relayed));
      }
    });
    await delay(grantedMs + RENEWED_MS - performance.now());
    for (const { grant } of renewed) await grant();
    await delay(grantedMs + LEFT_MS - performance.now());
    const leftWith = leaving.map(({ flows }, i) => {
      const inFlight = flows.map(({ sent, arrived }) => sent - arrived);
      relay.rooms.leave(`leaving${i}`, "ben");
      return flows.map(({ sent }, f) => ({ sent, inFlight: inFlight[f] ?? 0 }));
    });
    await delay(grantedMs + BOUND_AGAIN_MS - performance.now());
    const boundAgain = [];
    for (const { bind, flow } of rebound) {
      const asked = flow.sent;
      await bind(1);
      boundAgain.push({ asked, answered: flow.sent });
    }
    await refreshing;
    load.stop();
    await expect.poll(() => load.inFlight).toBe(0);

    for (const flow of [...steady, ...renewed].flatMap(({ flows }) => flows)) expectAll(flow);
    for (const [i, { flows }] of leaving.entries()) {
      for (const [f, flow] of flows.entries()) {
        const { sent = 0, inFlight = 0 } = leftWith[i]?.[f] ?? {};
        expectNone(flow, sent);
        expect(flow.lost.filter((number) => number < sent).length).toBeLessThanOrEqual(inFlight);
        expect(sent).toBeGreaterThan(0);
      }
    }
    for (const flow of expiring.flatMap(({ flows }) => flows)) {
      expectAll(flow, 0, firstAfter(flow, grantedMs + GRANTED_MS - 2 * ROUND_MS));
      expectNone(flow, firstAfter(flow, grantedMs + GRANTED_MS + ROUND_MS));
    }
    for (const [i, { flow, second }] of rebound.entries()) {
      const { asked = 0, answered = 0 } = boundAgain[i] ?? {};
      expectAll(flow, 0, firstAfter(flow, boundMs + GRANTED_MS - 2 * ROUND_MS));
      expectNone(flow, firstAfter(flow, boundMs + GRANTED_MS + ROUND_MS), asked);
      expectAll(flow, answered, flow.sent, second);
      expect(placesOf(flow, 0, asked)).not.toContain(second.name);
      expect(flow.sent).toBeGreaterThan(answered);
    }

    const { counters } = relay;
    const inside = [...steady, ...leaving].flatMap(({ flows }) => flows);
    const outside = [...renewed, ...expiring];
    const up = [...outside.map((call) => call.up), ...rebound.map(({ flow }) => flow)];
    const down = outside.map((call) => call.down);
    const [sent, received] = [arrivedOf([...inside, ...up]), arrivedOf([...inside, ...down])];
    expect({
      strays: load.strays,
      sentPackets: counters.sentPackets - before.sentPackets,
      sentBytes: counters.sentBytes - before.sentBytes,
      receivedPackets: counters.receivedPackets - before.receivedPackets,
      receivedBytes: counters.receivedBytes - before.receivedBytes,
      insidePackets: counters.insidePackets - before.insidePackets,
    }).toEqual({
      strays: 0,
      sentPackets: sent,
      sentBytes: sent * LOAD_BYTES,
      receivedPackets: received,
      receivedBytes: received * LOAD_BYTES,
      insidePackets: arrivedOf(inside),
    });
    const dropped = (why: DropReason) => counters.drops[why] - before.drops[why];
    expect({
      "no-permission": dropped("no-permission"),
      "no-channel": dropped("no-channel"),
      gone: dropped("no-allocation") + dropped("own-address"),
      all: totalOf(counters.drops) - totalOf(before.drops),
    }).toEqual({
      "no-permission": lostOf(...expiring.flatMap(({ flows }) => flows)),
      "no-channel": lostOf(...rebound.map(({ flow }) => flow)),
      gone: lostOf(...leaving.flatMap(({ flows }) => flows)),
      all: lostOf(...load.flows),
    });
    // It was carried, and not judged packet by packet.
    expect(relay.engine.flows.totals().sentPackets).toBeGreaterThan(counters.sentPackets / 2);
    expect(relay.failures).toEqual([]);
  });

  test("a thread that ends under running calls: they go on, and nothing is left behind", async () => {
    const bench = await open(workers);
    const { relay, load } = bench;
    const pairs = [];
    const guests = [];
    for (let i = 0; i < CALLS; i++) {
      pairs.push(await openPair(bench, `call${i}`, i % 2 === 0));
      guests.push(await openOutside(bench, `guest${i}`));
    }
    for (const { grant } of [...pairs, ...guests]) await grant();
    const before = structuredClone(relay.counters);
    const descriptors = readdirSync("/proc/self/fd").length;
    load.start();
    for (const thread of relay.engine.threads) {
      await delay(BEFORE_END_MS);
      const failures = relay.failures.length;
      thread.order([NO_ORDER]);
      await expect.poll(() => relay.failures.length, LONG_POLL).toBe(failures + 2);
      const goneMs = performance.now();
      const slowest = () => Math.min(...load.flows.map(({ lastArrivedMs }) => lastArrivedMs));
      await expect.poll(slowest, LONG_POLL).toBeGreaterThan(goneMs + REST_MS);
    }
    load.stop();
    await load.rest();
    expect(relay.failures.map(String).join()).toMatch(/not known: 99.*another one takes its place/);
    expect(relay.failures).toHaveLength(2 * workers);

    // What was in flight when a thread ended may be lost, and may be counted or not.
    const lost = lostOf(...load.flows);
    expect(lost).toBeLessThanOrEqual(WINDOW * workers);
    const { counters } = relay;
    const inside = pairs.flatMap(({ flows }) => flows);
    const counts = [
      [counters.sentPackets - before.sentPackets, arrivedOf([...inside, ...guests.map(({ up }) => up)])],
      [
        counters.receivedPackets - before.receivedPackets,
        arrivedOf([...inside, ...guests.map(({ down }) => down)]),
      ],
      [counters.insidePackets - before.insidePackets, arrivedOf(inside)],
    ] as const;
    for (const [counted, arrived] of counts) {
      expect(counted).toBeGreaterThanOrEqual(arrived);
      expect(counted - arrived).toBeLessThanOrEqual(lost);
    }
    expect(load.strays).toBe(0);
    expect(readdirSync("/proc/self/fd").length).toBe(descriptors);
  });
});
