/** All rooms of a run. */

import { setTimeout as delay } from "node:timers/promises";
import { Histogram } from "../../generator/histogram.ts";
import type { LoadRequest, LoadResult } from "../ipc.ts";
import type { Dialect } from "./member.ts";
import { Room, type Told } from "./room.ts";

/** Below every limit per address that ours has by default: 500 rooms, 1,000 connections. */
const ROOMS_PER_ADDRESS = 400;

export class Load {
  readonly #dialect: Dialect;
  readonly #url: string;
  #rooms: Room[] = [];
  #made = 0;

  constructor(dialect: Dialect, url: string) {
    this.#dialect = dialect;
    this.#url = url;
  }

  do(request: LoadRequest): Promise<LoadResult> {
    switch (request.kind) {
      case "join":
        return this.#join(request.rooms, request.atOnce);
      case "exchange":
        return measured((told) =>
          inTurns(this.#rooms, request.atOnce, (room) => room.exchange(request.pace, told)),
        );
      case "single-joins":
        return this.#singleJoins(request.count, request.everyMs);
      case "close":
        return this.#close();
    }
  }

  async #join(count: number, atOnce: number): Promise<LoadResult> {
    const rooms = Array.from({ length: count }, () => this.#newRoom());
    const result = await measured((told) => inTurns(rooms, atOnce, (room) => room.join(told)));
    this.#rooms.push(...rooms);
    return result;
  }

  /** A room at a time, beside all that are there, and away again. */
  #singleJoins(count: number, everyMs: number): Promise<LoadResult> {
    return measured(async (told) => {
      for (let i = 0; i < count; i++) {
        const room = this.#newRoom();
        await room.join(told);
        await room.close();
        await delay(everyMs);
      }
    });
  }

  #close(): Promise<LoadResult> {
    const rooms = this.#rooms;
    this.#rooms = [];
    return measured(() => inTurns(rooms, rooms.length, (room) => room.close()));
  }

  #newRoom(): Room {
    const number = this.#made++;
    const meeting = { ids: [] };
    const place = { url: this.#url, room: `room-${number}`, meeting, localAddress: addressOf(number) };
    return new Room(this.#dialect({ ...place, index: 0 }), this.#dialect({ ...place, index: 1 }));
  }
}

/** All of 127.0.0.0/8 is this machine: one address would have too few ports, and be a single client to every limit. */
function addressOf(room: number): string {
  const block = Math.floor(room / ROOMS_PER_ADDRESS);
  return `127.0.${1 + Math.floor(block / 250)}.${1 + (block % 250)}`;
}

async function inTurns(
  rooms: readonly Room[],
  atOnce: number,
  act: (room: Room) => Promise<void>,
): Promise<void> {
  const waiting = rooms.values();
  const worker = async () => {
    for (const room of waiting) await act(room);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, rooms.length) }, worker));
}

async function measured(run: (told: Told) => Promise<void>): Promise<LoadResult> {
  const latencies = new Histogram();
  let count = 0;
  let maxMs = 0;
  const start = performance.now();
  await run((latencyMs) => {
    count++;
    maxMs = Math.max(maxMs, latencyMs);
    latencies.add(latencyMs);
  });
  const seconds = (performance.now() - start) / 1000;
  return { count, seconds, p50Ms: latencies.quantileMs(0.5), p99Ms: latencies.quantileMs(0.99), maxMs };
}
