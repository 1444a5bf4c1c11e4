/** One run: a fresh server, a fresh load, and what each phase cost the server. */

import { fileURLToPath } from "node:url";
import { Child } from "./child.ts";
import type { Contender } from "./contenders.ts";
import type { LoadRequest, LoadResult, Pace, Usage } from "./ipc.ts";

/** Compiled by scripts/bench-signaling.mjs. */
export const LOAD = fileURLToPath(new URL("../dist/bench/signaling/load/main.js", import.meta.url));

export interface RunPlan {
  readonly rooms: number;
  readonly atOnce: number;
  /** Rooms that come and go before anything is measured. */
  readonly warmUp: number;
}

/** µs of the server's CPU, KB of its memory, ms of latency. */
export interface RunResult {
  readonly perJoin: number;
  readonly perMessage: number;
  readonly perMessageInBursts: number;
  /** Joined and silent. */
  readonly heldKb: number;
  readonly residentKb: number;
  /** After all has been said. */
  readonly heldKbAfter: number;
  readonly joinP99Ms: number;
  readonly messageP50Ms: number;
  readonly messageP99Ms: number;
}

/** Rejects when a join is refused, or a message does not arrive. */
export async function measure(
  contender: Contender,
  plan: RunPlan,
  nodeFlags: readonly string[] = [],
): Promise<RunResult> {
  const server = await contender.start(nodeFlags);
  const load = new Child(`the load on ${contender.name}`, LOAD, [contender.name, server.url]);
  try {
    return await new Run(server.process, load, plan).phases();
  } finally {
    await load.stop();
    await server.process.stop();
  }
}

class Run {
  readonly #server: Child;
  readonly #load: Child;
  readonly #plan: RunPlan;

  constructor(server: Child, load: Child, plan: RunPlan) {
    this.#server = server;
    this.#load = load;
    this.#plan = plan;
  }

  async phases(): Promise<RunResult> {
    const { rooms, atOnce, warmUp } = this.#plan;
    await this.#do({ kind: "join", rooms: warmUp, atOnce });
    for (const pace of ["one by one", "burst"] satisfies Pace[])
      await this.#do({ kind: "exchange", pace, atOnce });
    await this.#do({ kind: "close" });

    const empty = await this.#usage("memory");
    const joins = await this.#costOf({ kind: "join", rooms, atOnce });
    const joined = await this.#usage("memory");
    const spaced = await this.#costOf({ kind: "exchange", pace: "one by one", atOnce });
    const bursts = await this.#costOf({ kind: "exchange", pace: "burst", atOnce });
    const after = await this.#usage("memory");
    const kbEach = (bytes: number) => bytes / 1024 / (2 * rooms);
    return {
      perJoin: joins.microseconds,
      perMessage: spaced.microseconds,
      perMessageInBursts: bursts.microseconds,
      heldKb: kbEach(joined.heldBytes - empty.heldBytes),
      residentKb: kbEach(joined.rss - empty.rss),
      heldKbAfter: kbEach(after.heldBytes - empty.heldBytes),
      joinP99Ms: joins.result.p99Ms,
      messageP50Ms: spaced.result.p50Ms,
      messageP99Ms: spaced.result.p99Ms,
    };
  }

  async #costOf(request: LoadRequest): Promise<{ microseconds: number; result: LoadResult }> {
    const before = await this.#usage("cpu");
    const result = await this.#do(request);
    const after = await this.#usage("cpu");
    return { microseconds: (after.cpuMicroseconds - before.cpuMicroseconds) / result.count, result };
  }

  #do(request: LoadRequest): Promise<LoadResult> {
    return this.#load.ask<LoadResult>({ ask: request });
  }

  #usage(probe: "cpu" | "memory"): Promise<Usage> {
    return this.#server.ask<Usage>({ probe });
  }
}
