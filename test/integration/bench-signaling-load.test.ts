/** The load of the signaling bench against a server in this process: it says what it should, and notices what is missing. */

import { afterEach, describe, expect, test } from "vitest";
import type { Pace } from "../../bench/signaling/ipc.ts";
import { Load } from "../../bench/signaling/load/load.ts";
import { turnpike } from "../../bench/signaling/load/web-socket-member.ts";
import { MESSAGES_PER_ROOM } from "../../bench/signaling/messages.ts";
import type { ConfigLimits } from "../../src/config/config.ts";
import { createServer } from "../../src/server.ts";
import { Metrics } from "../e2e/support/metrics.ts";
import { testConfig } from "../support/test-config.ts";

const ROOMS = 3;
const AT_ONCE = 2;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(limits: Partial<ConfigLimits> = {}) {
  const server = createServer(testConfig({ limits }));
  cleanups.push(() => server.close());
  const { http, admin } = await server.start();
  const load = new Load(turnpike, `ws://127.0.0.1:${http[0]?.port}`);
  cleanups.push(() => load.do({ kind: "close" }));
  const metrics = async () => {
    const response = await fetch(`http://127.0.0.1:${admin[0]?.port}/metrics`);
    return new Metrics(await response.text());
  };
  return { load, metrics };
}

describe("the load", () => {
  test.each(["one by one", "burst"] satisfies Pace[])(
    "%s: every room joins, and every message of it arrives and is answered",
    async (pace) => {
      const { load, metrics } = await start();
      const joins = await load.do({ kind: "join", rooms: ROOMS, atOnce: AT_ONCE });
      expect(joins.count).toBe(2 * ROOMS);
      const messages = await load.do({ kind: "exchange", pace, atOnce: AT_ONCE });
      expect(messages.count).toBe(ROOMS * MESSAGES_PER_ROOM);
      expect(messages.p50Ms).toBeGreaterThan(0);
      expect(messages.maxMs).toBeGreaterThanOrEqual(messages.p50Ms);
      expect((await metrics()).total("turnpike_messages_total")).toBe(ROOMS * MESSAGES_PER_ROOM);
    },
  );

  test("joins one by one leave nothing behind", async () => {
    const { load, metrics } = await start();
    await load.do({ kind: "join", rooms: ROOMS, atOnce: AT_ONCE });
    const joins = await load.do({ kind: "single-joins", count: AT_ONCE, everyMs: 0 });
    expect(joins.count).toBe(2 * AT_ONCE);
    await load.do({ kind: "close" });
    expect((await metrics()).total("turnpike_rooms")).toBe(0);
  });

  test("a server that refuses a join ends the run with its words", async () => {
    const { load } = await start({ maxRooms: 1 });
    const refused = load.do({ kind: "join", rooms: ROOMS, atOnce: 1 });
    await expect(refused).rejects.toThrow("server-full");
  });
});
