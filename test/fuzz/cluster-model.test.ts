/**
 * Nodes, members and a bus in memory, and all that can happen to them in any order: the same as the chaos over real sockets, thousands of
 * times faster. FUZZ_SEED gives a run again.
 */

import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import type { Connection, SignalingLink } from "../../src/signaling/ports.ts";
import { Ledger } from "../support/chaos-ledger.ts";
import { ChaosMember, type MemberSocket } from "../support/chaos-member.ts";
import { fuzzSeed } from "../support/fuzz-settings.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { INFO } from "../unit/signaling/bench.ts";

const RUNS = 60;
const STEPS = 150;
const ROOMS = ["one", "two"];
/** Longer than everything that waits for its time. */
const HEALING_SECONDS = 40;

class MemorySocket extends EventEmitter implements MemberSocket, SignalingLink {
  readonly node: string;
  bufferedBytes = 0;
  #connection: Connection | undefined;
  #isOver = false;

  constructor(cluster: MemoryCluster, node: string) {
    super();
    this.node = node;
    // A socket tells nothing before its user listens.
    setImmediate(() => {
      const hub = cluster.nodes.get(node)?.hub;
      if (hub === undefined || this.#isOver) return this.#over();
      this.#connection = hub.connect(this, INFO);
      this.emit("open");
    });
  }

  /** Of the user, and of the hub: which way it goes is a matter of whether the text has a number. */
  send(text: string): void {
    if (this.#isOver) return;
    if (text.includes('"seq":')) setImmediate(() => !this.#isOver && this.emit("message", text));
    else this.#connection?.receiveText(text);
  }

  ping(): void {
    this.#connection?.receivePong();
  }

  close(): void {
    this.terminate();
  }

  terminate(): void {
    if (this.#isOver) return;
    this.#over();
    this.#connection?.closed();
  }

  /** The node is dead: nobody there hears of it. */
  nodeDied(): void {
    if (!this.#isOver) this.#over();
  }

  #over(): void {
    this.#isOver = true;
    setImmediate(() => this.emit("close"));
  }
}

class Model {
  readonly cluster = new MemoryCluster();
  readonly ledger = new Ledger();
  readonly members: ChaosMember[] = [];
  readonly #random: SeededRandom;
  #sockets: MemorySocket[] = [];
  readonly #timers = new Set<{ atMs: number; callback: () => void }>();
  #nodes = 0;
  #lossRate = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
    this.cluster.loses = () => this.#random.below(100) < this.#lossRate;
    for (let index = 0; index < 3; index++) this.#newNode();
    for (const room of [...ROOMS, ...ROOMS]) {
      const member = new ChaosMember({
        room,
        ledger: this.ledger,
        connect: () => this.#connect(),
        later: (when, callback) => this.#later(when === "soon" ? 200 : 4000, callback),
      });
      this.members.push(member);
    }
  }

  async step(): Promise<void> {
    const member = this.#random.pick(this.members);
    switch (this.#random.below(12)) {
      case 0:
        member.cut();
        break;
      case 1:
        member.leave();
        break;
      case 2:
        this.#lossRate = this.#random.pick([0, 0, 10, 60]);
        break;
      case 3:
        this.#setBus(!this.cluster.isUp || this.#random.once(3));
        break;
      case 4:
        if (this.#random.once(3)) this.#killOne();
        break;
      case 5:
      case 6:
        await this.#pass(this.#random.pick([200, 400, 1000, 4000]));
        break;
      default:
        member.say();
    }
    if (this.#random.once(2)) await this.cluster.quiet();
  }

  async heal(): Promise<void> {
    this.#lossRate = 0;
    this.#setBus(true);
    await this.#pass(HEALING_SECONDS * 1000);
  }

  #connect(): MemorySocket {
    const socket = new MemorySocket(this.cluster, this.#random.pick([...this.cluster.nodes.keys()]));
    this.#sockets.push(socket);
    return socket;
  }

  #newNode(): void {
    this.cluster.node(`node${this.#nodes++}`, { resumeSeconds: 3, heartbeatSeconds: 5 });
  }

  #killOne(): void {
    const victim = this.#random.pick([...this.cluster.nodes.keys()]);
    this.cluster.kill(victim);
    for (const socket of this.#sockets.filter(({ node }) => node === victim)) socket.nodeDied();
    this.#sockets = this.#sockets.filter(({ node }) => node !== victim);
    this.#newNode();
  }

  #setBus(isUp: boolean): void {
    const wasUp = this.cluster.isUp;
    this.cluster.isUp = isUp;
    if (isUp && !wasUp) for (const { switchboard } of this.cluster.nodes.values()) switchboard.resend();
  }

  #later(ms: number, callback: () => void): () => void {
    const timer = { atMs: this.cluster.nowMs + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  async #pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 200) {
      await this.cluster.pass(0.2);
      for (const timer of [...this.#timers]) {
        if (timer.atMs > this.cluster.nowMs) continue;
        this.#timers.delete(timer);
        timer.callback();
      }
    }
  }
}

describe("three nodes and two calls, whatever happens", () => {
  const seed = fuzzSeed();

  test(`${RUNS} times: every room is whole again, and every word where it belongs`, async () => {
    for (let run = 0; run < RUNS; run++) {
      const model = new Model(new SeededRandom(seed + run));
      for (let step = 0; step < STEPS; step++) await model.step();
      await model.heal();
      const where = `FUZZ_SEED=${seed + run}`;
      const { members, ledger, cluster } = model;
      expect(ledger.violations, where).toEqual([]);
      expect(cluster.failures, where).toEqual([]);
      for (const [index, room] of ROOMS.entries()) {
        const [a, b] = [members[index], members[index + ROOMS.length]] as [ChaosMember, ChaosMember];
        expect([a.isQuiet, b.isQuiet], where).toEqual([true, true]);
        expect([a.other, b.other], where).toEqual([b.peer, a.peer]);
        const home = cluster.nodes.get(cluster.homes.get(room) ?? "");
        const seats = home?.hub.members(room)?.map(({ peer, here }) => [peer, here]);
        expect(seats?.sort(), where).toEqual([a, b].map(({ peer }) => [peer, true]).sort());
      }
      const hubs = [...cluster.nodes.values()].map(({ hub }) => hub.stats);
      expect(
        hubs.reduce((sum, { members: count }) => sum + count, 0),
        where,
      ).toBe(4);
      expect(ledger.lost(new Set(members.map(({ peer }) => peer ?? ""))), where).toEqual([]);
    }
  });
});
