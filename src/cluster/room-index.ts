/**
 * This node's part of the index in Redis: it beats to keep its lease, looks rooms up, and publishes its own. The index says where a room
 * lives and nothing else; who is in it, only that node knows.
 *
 * What a node says of its own rooms without asking holds because of the lease: for as long as Redis surely honours it, nobody else is
 * given them.
 */

import { createHash, randomBytes } from "node:crypto";
import type { Place } from "../signaling/directory.ts";
import { BEAT, LEAVE, LOCATE, PUBLISH, RELEASE, ROOMS_OF } from "./index-scripts.ts";

export interface IndexPorts {
  now(): number;
  /** Runs a script in Redis. Rejects while Redis is away, and when it does not answer in time. */
  run(script: string, args: readonly string[]): Promise<unknown>;
  /** The names of all rooms that are here. */
  roomNames(): readonly string[];
  hasRoom(room: string): boolean;
  /** Another node has made this room while this one was out of touch. */
  abandonRoom(room: string): void;
}

export interface IndexOptions {
  readonly nodeId: string;
  /** How long Redis takes this node to live after a beat. */
  readonly leaseMs: number;
  /** What the others are told of this node. */
  info(): string;
}

export interface Beat {
  /** What is said of all nodes that live, this one among them. */
  readonly nodes: ReadonlyMap<string, string>;
  /** The index has begun anew, and may not know all nodes yet. */
  readonly isSettling: boolean;
}

/** Between sending a beat and what Redis makes of it; and clocks that run differently. */
const LEASE_MARGIN = 0.2;
const ROOMS_PER_SCRIPT = 500;

export class RoomIndex {
  readonly #options: IndexOptions;
  readonly #ports: IndexPorts;
  /** Rooms that are here by the index. */
  readonly #held = new Set<string>();
  #epoch = "";
  #isPublished = false;
  #leaseUntilMs = Number.NEGATIVE_INFINITY;
  #isSettled = false;

  constructor(options: IndexOptions, ports: IndexPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  /** Rooms can be looked up and made. */
  get isReady(): boolean {
    return this.#isSettled && this.#isOpen;
  }

  holds(room: string): boolean {
    return this.#isOpen && this.#held.has(room);
  }

  async locate(room: string, mayMake: boolean): Promise<Place> {
    const { nodeId } = this.#options;
    let home: unknown;
    try {
      home = await this.#ports.run(LOCATE, [hashOf(room), nodeId, mayMake ? "1" : "0"]);
    } catch {
      return { kind: "unavailable" };
    }
    if (home === "unavailable" || home === "nowhere") return { kind: home };
    if (home !== nodeId) return { kind: "elsewhere", node: String(home) };
    this.#held.add(room);
    return { kind: "here" };
  }

  /** One that Redis does not hear of is found by `publish`. */
  release(room: string): void {
    this.#held.delete(room);
    this.#ports.run(RELEASE, [this.#options.nodeId, hashOf(room)]).catch(() => undefined);
  }

  /** Keeps the lease, and publishes what Redis has lost. Rejects while Redis is away. */
  async beat(): Promise<Beat> {
    const { nodeId, leaseMs, info } = this.#options;
    const sentAtMs = this.#ports.now();
    const args = [nodeId, info(), String(leaseMs), randomBytes(9).toString("base64url")];
    const [epoch, ended, settling, ...told] = (await this.#ports.run(BEAT, args)) as [
      string,
      number,
      number,
      ...string[],
    ];
    if (ended === 1 || epoch !== this.#epoch) this.#isPublished = false;
    if (!this.#isPublished) await this.#publish();
    this.#epoch = epoch;
    this.#isPublished = true;
    this.#leaseUntilMs = sentAtMs + leaseMs * (1 - LEASE_MARGIN);
    this.#isSettled = settling === 0;
    const nodes = new Map<string, string>();
    for (let i = 0; i + 1 < told.length; i += 2) nodes.set(told[i] as string, told[i + 1] as string);
    return { nodes, isSettling: settling === 1 };
  }

  /** Redis is away: when it is back, it may have lost everything. */
  lost(): void {
    this.#isPublished = false;
  }

  async leave(): Promise<void> {
    this.#isPublished = false;
    await this.#ports.run(LEAVE, [this.#options.nodeId]);
  }

  get #isOpen(): boolean {
    return this.#isPublished && this.#ports.now() < this.#leaseUntilMs;
  }

  async #publish(): Promise<void> {
    const { nodeId } = this.#options;
    // Whoever was about to make one looks again.
    this.#held.clear();
    const byHash = new Map(this.#ports.roomNames().map((room) => [hashOf(room), room]));
    const hashes = [...byHash.keys()];
    for (let at = 0; at < hashes.length; at += ROOMS_PER_SCRIPT) {
      const some = hashes.slice(at, at + ROOMS_PER_SCRIPT);
      const lost = new Set((await this.#ports.run(PUBLISH, [nodeId, ...some])) as string[]);
      for (const hash of some) this.#published(byHash.get(hash) as string, lost.has(hash));
    }
    const known = (await this.#ports.run(ROOMS_OF, [nodeId])) as string[];
    const held = new Set([...this.#held].map(hashOf));
    const ended = known.filter((hash) => !held.has(hash));
    for (let at = 0; at < ended.length; at += ROOMS_PER_SCRIPT)
      await this.#ports.run(RELEASE, [nodeId, ...ended.slice(at, at + ROOMS_PER_SCRIPT)]);
  }

  #published(room: string, isLost: boolean): void {
    if (isLost) this.#ports.abandonRoom(room);
    else if (this.#ports.hasRoom(room)) this.#held.add(room);
  }
}

/** Room names are what lets people in: Redis has none of them in clear. */
function hashOf(room: string): string {
  return createHash("sha256").update(room).digest("base64url");
}
