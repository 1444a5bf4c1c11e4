/**
 * `npm run bench:rooms`: as many rooms as a process may have descriptors for, all joined, all exchanging, then silent but for heartbeats,
 * while others come and go. Ours alone.
 */

import { setTimeout as delay } from "node:timers/promises";
import { Child } from "./child.ts";
import { CONTENDERS, type RunningContender } from "./contenders.ts";
import type { LoadRequest, LoadResult, Usage } from "./ipc.ts";
import { LOAD } from "./measure.ts";
import type { RoomsOptions } from "./rooms-options.ts";

/** Joins, and messages, at the same time. */
const AT_ONCE = 200;
const SINGLE_JOINS_EVERY_MS = 100;

export interface RoomsResult {
  readonly joins: LoadResult;
  readonly messages: LoadResult;
  readonly lateJoins: LoadResult;
  readonly microsecondsPerJoin: number;
  readonly microsecondsPerMessage: number;
  /** Of one processor, in percent, while nothing is said. */
  readonly idlePercent: number;
  /** With the joins one by one. */
  readonly lateJoinsPercent: number;
  readonly megabytes: Readonly<Record<"empty" | "joined" | "exchanged" | "idle", Memory>>;
}

interface Memory {
  readonly resident: number;
  readonly held: number;
}

export async function measureRooms(options: RoomsOptions): Promise<RoomsResult> {
  const [ours] = CONTENDERS;
  if (ours === undefined) throw new Error("no server");
  const server = await ours.start(options.nodeFlags);
  const load = new Child("the load", LOAD, [ours.name, server.url]);
  try {
    return await phases(server, load, options);
  } finally {
    await load.stop();
    await server.process.stop();
  }
}

async function phases(
  { process: server }: RunningContender,
  load: Child,
  { rooms, idleSeconds, lateJoins }: RoomsOptions,
): Promise<RoomsResult> {
  const act = (request: LoadRequest) => load.ask<LoadResult>({ ask: request });
  const empty = await memoryOf(server);
  const joins = await costOf(server, () => act({ kind: "join", rooms, atOnce: AT_ONCE }));
  const joined = await memoryOf(server);
  const messages = await costOf(server, () => act({ kind: "exchange", pace: "one by one", atOnce: AT_ONCE }));
  const exchanged = await memoryOf(server);
  const silence = await costOf(server, () => delay(idleSeconds * 1000));
  const idle = await memoryOf(server);
  const late = await costOf(server, () =>
    act({ kind: "single-joins", count: lateJoins, everyMs: SINGLE_JOINS_EVERY_MS }),
  );
  return {
    joins: joins.result,
    messages: messages.result,
    lateJoins: late.result,
    microsecondsPerJoin: joins.microseconds / joins.result.count,
    microsecondsPerMessage: messages.microseconds / messages.result.count,
    idlePercent: silence.percent,
    lateJoinsPercent: late.percent,
    megabytes: { empty, joined, exchanged, idle },
  };
}

async function memoryOf(server: Child): Promise<Memory> {
  const { rss, heldBytes } = await server.ask<Usage>({ probe: "memory" });
  return { resident: rss / 2 ** 20, held: heldBytes / 2 ** 20 };
}

async function costOf<T>(
  server: Child,
  act: () => Promise<T>,
): Promise<{ result: T; microseconds: number; percent: number }> {
  const before = await server.ask<Usage>({ probe: "cpu" });
  const start = performance.now();
  const result = await act();
  const elapsedMs = performance.now() - start;
  const after = await server.ask<Usage>({ probe: "cpu" });
  const microseconds = after.cpuMicroseconds - before.cpuMicroseconds;
  return { result, microseconds, percent: microseconds / 10 / elapsedMs };
}
