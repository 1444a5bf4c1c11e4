/**
 * Two nodes, a Redis and 200 calls; for a minute nodes are killed, Redis is stopped, emptied, paused and started, sockets are cut. After
 * it every room agrees on its members at every node, no message came twice or out of order, and none that was acknowledged is lost.
 *
 * TURNPIKE_SEED repeats a run's choices, TURNPIKE_CHAOS_SECONDS makes it longer or shorter.
 */

import { randomInt } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { Ledger } from "../support/chaos-ledger.ts";
import { ChaosMember } from "../support/chaos-member.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { ChaosSite } from "./support/chaos-site.ts";
import { eventually } from "./support/eventually.ts";
import { isMissing } from "./support/requirements.ts";

const ROOMS = 200;
const SECONDS = Number(process.env.TURNPIKE_CHAOS_SECONDS || 60);
const SEED = Number(process.env.TURNPIKE_SEED || randomInt(2 ** 32));
/** Every so often a tenth of the members say something, one in a few hundred loses its socket, and one in a thousand hangs up. */
const TICK_MS = 100;
const SAYS_ONE_IN = 10;
const LOSES_SOCKET_ONE_IN = 400;
const LEAVES_ONE_IN = 1000;
const RECONNECT_MS = 300;
const OVERDUE_MS = 4000;
const BETWEEN_HAPPENINGS_MS = 1500;
const HEALED_WITHIN_MS = 60_000;

interface Call {
  readonly room: string;
  readonly members: readonly [ChaosMember, ChaosMember];
}

describe.skipIf(isMissing("redis-server"))("chaos", () => {
  const random = new SeededRandom(SEED);
  const ledger = new Ledger();
  const calls: Call[] = [];
  let site: ChaosSite;

  beforeAll(async () => {
    console.log(`TURNPIKE_SEED=${SEED}`);
    site = await ChaosSite.start(random);
    for (let index = 0; index < ROOMS; index++) {
      const room = `room ${index}`;
      const member = () =>
        new ChaosMember({
          room,
          connect: () => new WebSocket(site.url()),
          later,
          ledger,
        });
      calls.push({ room, members: [member(), member()] });
    }
    await eventually(
      "all calls",
      () => calls.filter(isCall).length,
      (count) => count === ROOMS,
    );
  });

  afterAll(async () => {
    for (const { members } of calls) for (const member of members) member.end();
    await site?.stop();
  });

  test(
    `of ${SECONDS} seconds leaves every room whole, and every word where it belongs`,
    async () => {
      const happened = await happenings();
      await eventually(
        "all calls again",
        () => calls.filter(isCall).length,
        (count) => count === ROOMS,
        HEALED_WITHIN_MS,
      );
      const seats = new Set(calls.flatMap(({ members }) => members.map(({ peer }) => peer ?? "")));
      console.log(
        `${happened.join(", ")}; said and acknowledged ${ledger.acknowledgedCount}, heard ${ledger.heardCount}`,
      );
      expect(ledger.violations).toEqual([]);
      expect(ledger.lost(seats)).toEqual([]);
      expect(ledger.acknowledgedCount).toBeGreaterThan(ROOMS);
      for (const { room, members } of calls) {
        const expected = members.map(({ peer }) => peer).sort();
        for (const { ports } of site.nodes) expect(await peersIn(ports.admin, room)).toEqual(expected);
      }
      expect(await total("turnpike_rooms")).toBe(ROOMS);
      expect(await total("turnpike_members")).toBe(2 * ROOMS);
    },
    SECONDS * 1000 + 2 * HEALED_WITHIN_MS,
  );

  /** Until the time is up; in words. Everything is well again when it resolves. */
  async function happenings(): Promise<string[]> {
    const untilMs = performance.now() + SECONDS * 1000;
    const running: Promise<string>[] = [];
    let nextAtMs = 0;
    while (performance.now() < untilMs) {
      for (const { members } of calls) for (const member of members) live(member);
      if (performance.now() >= nextAtMs) {
        running.push(random.pick(site.happenings)());
        nextAtMs = performance.now() + random.below(2 * BETWEEN_HAPPENINGS_MS);
      }
      await delay(TICK_MS);
    }
    return Promise.all(running);
  }

  function live(member: ChaosMember): void {
    if (random.once(SAYS_ONE_IN)) member.say();
    if (random.once(LOSES_SOCKET_ONE_IN)) member.cut();
    if (random.once(LEAVES_ONE_IN)) member.leave();
  }

  function later(when: "soon" | "overdue", callback: () => void): () => void {
    const timer = setTimeout(callback, when === "soon" ? random.below(RECONNECT_MS) : OVERDUE_MS);
    return () => clearTimeout(timer);
  }

  async function total(metric: string): Promise<number> {
    const metrics = await Promise.all(site.nodes.map(({ process }) => process?.metrics()));
    return metrics.reduce((sum, one) => sum + (one?.total(metric) ?? 0), 0);
  }
});

/** Both have a seat, each knows the other's, and nothing waits for an answer. */
function isCall({ members: [a, b] }: Call): boolean {
  return a.isQuiet && b.isQuiet && a.other === b.peer && b.other === a.peer;
}

async function peersIn(adminPort: number, room: string): Promise<string[]> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/rooms/${encodeURIComponent(room)}`);
  const { members } = (await answer.json()) as { members: { peer: string; here: boolean }[] };
  return members.map(({ peer, here }) => (here ? peer : `${peer} away`)).sort();
}
