/**
 * Several nodes over Redis: the index of rooms (room-index.ts), and what nodes say to each other (switchboard.ts) over publish and
 * subscribe. Here are the timers and the connections.
 */

import { randomBytes } from "node:crypto";
import type {
  Entry,
  Guest,
  GuestLink,
  Passage,
  PassageClient,
  Place,
  RoomDirectory,
} from "../signaling/directory.ts";
import type { RoomQuestion } from "../signaling/room-control.ts";
import { RedisConnections } from "./redis.ts";
import { type Beat, RoomIndex } from "./room-index.ts";
import { type PeerEnd, Switchboard } from "./switchboard.ts";

/** The rooms of this node. */
export interface ClusterHub {
  readonly roomNames: readonly string[];
  hasRoom(room: string): boolean;
  abandonRoom(room: string): void;
  receive(link: GuestLink, entry: Entry): Guest;
  answer(question: RoomQuestion): unknown;
}

export interface ClusterEvents {
  redisReady(): void;
  redisLost(): void;
  /** Told once for each time that it is away. */
  redisFailed(error: Error): void;
  nodesChanged(nodes: number): void;
  /** Clients here whose rooms are there have lost their sockets, and the other way round. */
  peerEnded(node: string, why: PeerEnd): void;
  roomAbandoned(): void;
  failed(error: unknown): void;
}

export interface ClusterOptions {
  readonly url: string;
  /** A node that Redis has not heard of for so long is dead. */
  readonly nodeTimeoutMs: number;
  /** Where clients reach this node, if that is known. */
  readonly nodeUrl: string | undefined;
  readonly now: () => number;
  readonly events: ClusterEvents;
}

/** What a node tells of itself. */
interface NodeInfo {
  readonly url?: string;
  readonly leaving?: true;
}

const BEATS_PER_LEASE = 5;
const TICK_MS = 200;
/** A node that came while a beat was on its way is not in its answer. */
const LONGEST_BEAT_MS = 1000;
/** Tokens of nodes that nobody knows are looked up with a beat, which costs Redis something. */
const LEAST_BEAT_INTERVAL_MS = 50;
/** For what was said last; a Redis that is away is not waited for. */
const FAREWELL_MS = 1000;
const ID_BYTES = 9;

export class Cluster implements RoomDirectory {
  readonly nodeId = randomBytes(ID_BYTES).toString("base64url");
  readonly #options: ClusterOptions;
  readonly #hub: () => ClusterHub;
  readonly #redis: RedisConnections;
  readonly #index: RoomIndex;
  readonly #switchboard: Switchboard;
  readonly #timers: NodeJS.Timeout[] = [];
  #nodes: ReadonlyMap<string, NodeInfo> = new Map();
  #beatenAtMs = Number.NEGATIVE_INFINITY;
  #beating: Promise<void> | undefined;
  #isWoken = false;
  #isLeaving = false;
  #isFailureTold = false;

  /** `hub` is asked for when the first thing happens: the hub needs this to be made. */
  constructor(options: ClusterOptions, hub: () => ClusterHub) {
    const { url, nodeTimeoutMs, now, events } = options;
    const { nodeId } = this;
    this.#options = options;
    this.#hub = hub;
    this.#redis = new RedisConnections(
      {
        url,
        channel: channelOf(nodeId),
        // Found, and mended, before the lease ends.
        silentMs: nodeTimeoutMs / 2,
        maxUnheardEchoes: Math.floor(BEATS_PER_LEASE / 2),
        maxReconnectMs: Math.min(1000, nodeTimeoutMs / BEATS_PER_LEASE),
      },
      {
        ready: () => this.#redisReady(),
        lost: () => this.#redisLost(),
        message: (text) => this.#switchboard.receive(text),
        failed: (error) => this.#redisFailed(error),
      },
    );
    this.#index = new RoomIndex(
      { nodeId, leaseMs: nodeTimeoutMs, info: () => JSON.stringify(this.#info()) },
      {
        now,
        run: (script, args) => this.#redis.run(script, args),
        roomNames: () => hub().roomNames,
        hasRoom: (room) => hub().hasRoom(room),
        abandonRoom: (room) => this.#abandon(room),
      },
    );
    this.#switchboard = new Switchboard(nodeId, {
      now,
      publish: (node, text) => this.#redis.publish(channelOf(node), text),
      wakeSoon: () => this.#wakeSoon(),
      receiveGuest: (link, entry) => hub().receive(link, entry),
      answer: (question) => hub().answer(question),
      peerEnded: (node, why) => events.peerEnded(node, why),
      failed: (error) => events.failed(error),
    });
    this.#every(nodeTimeoutMs / BEATS_PER_LEASE, () => this.#beat());
    this.#every(TICK_MS, () => this.#switchboard.tick());
  }

  // ---- what the hub asks

  get tokenPrefix(): string {
    return `${this.nodeId}.`;
  }

  holds(room: string): boolean {
    return this.#redis.isReady && this.#index.holds(room);
  }

  locate(room: string, mayMake: boolean): Promise<Place> {
    return this.#index.locate(room, mayMake);
  }

  release(room: string): void {
    this.#index.release(room);
  }

  async locateToken(resumeToken: string): Promise<Place> {
    const node = resumeToken.split(".")[0] ?? "";
    // One that has come since the last beat is heard of in the next.
    const isFresh = this.#options.now() < this.#beatenAtMs + LEAST_BEAT_INTERVAL_MS;
    if (!this.#nodes.has(node) && !isFresh) await this.#beat();
    const isThere = this.#nodes.has(node);
    if (isThere ? !this.#redis.isReady : !this.isReady) return { kind: "unavailable" };
    return isThere ? { kind: "elsewhere", node } : { kind: "nowhere" };
  }

  handOver(node: string, entry: Entry, client: PassageClient): Passage {
    return this.#switchboard.handOver(node, entry, client);
  }

  // ---- what others ask

  /** Whether rooms can be looked up and made. */
  get isReady(): boolean {
    return this.#redis.isReady && this.#index.isReady;
  }

  get nodeCount(): number {
    return this.#nodes.size;
  }

  /** Clients of ours whose rooms are at other nodes. */
  get passageCount(): number {
    return this.#switchboard.passageCount;
  }

  /** Of a node that stays. */
  otherNodeUrl(): string | undefined {
    const urls = [...this.#nodes]
      .filter(([node, { leaving }]) => node !== this.nodeId && leaving === undefined)
      .flatMap(([, { url }]) => (url === undefined ? [] : [url]));
    return urls[Math.floor(Math.random() * urls.length)];
  }

  /** No client is sent here any more. */
  leaving(): void {
    this.#isLeaving = true;
    void this.#beat();
  }

  /** Asks the node where the room lives. Undefined: nobody can say. */
  async answer(question: RoomQuestion): Promise<unknown> {
    if (this.#hub().hasRoom(question.room)) return this.#hub().answer(question);
    const place = await this.#index.locate(question.room, false);
    if (place.kind === "elsewhere") return this.#switchboard.ask(place.node, question);
    return place.kind === "unavailable" ? undefined : this.#hub().answer(question);
  }

  /** Says what is left to be said, and leaves the index. Never rejects. */
  async close(): Promise<void> {
    const untilMs = this.#options.now() + FAREWELL_MS;
    while (this.#redis.isReady && !this.#switchboard.isIdle && this.#options.now() < untilMs)
      await new Promise((resolve) => setTimeout(resolve, 10));
    for (const timer of this.#timers) clearInterval(timer);
    await this.#index.leave().catch(() => undefined);
    await this.#redis.close();
  }

  // ---- what happens

  #redisReady(): void {
    this.#isFailureTold = false;
    this.#options.events.redisReady();
    void this.#beat();
    this.#switchboard.resend();
  }

  #redisLost(): void {
    this.#index.lost();
    this.#options.events.redisLost();
  }

  #redisFailed(error: Error): void {
    if (this.#isFailureTold) return;
    this.#isFailureTold = true;
    this.#options.events.redisFailed(error);
  }

  /** One at a time. */
  #beat(): Promise<void> {
    this.#beating ??= this.#beatOnce().finally(() => {
      this.#beating = undefined;
    });
    return this.#beating;
  }

  async #beatOnce(): Promise<void> {
    if (!this.#redis.isReady) return;
    this.#redis.echo();
    try {
      this.#beaten(await this.#index.beat());
    } catch (error) {
      this.#redisFailed(error instanceof Error ? new Error(error.message) : new Error("a beat failed"));
    }
  }

  #beaten({ nodes, isSettling }: Beat): void {
    this.#isFailureTold = false;
    this.#beatenAtMs = this.#options.now();
    const before = this.#nodes.size;
    const told = new Map([...nodes].map(([node, info]) => [node, readInfo(info)]));
    // An index that has begun anew may not know them all yet.
    this.#nodes = isSettling ? new Map([...this.#nodes, ...told]) : told;
    if (!isSettling) this.#switchboard.keepOnly(new Set(told.keys()), LONGEST_BEAT_MS);
    if (this.#nodes.size !== before) this.#options.events.nodesChanged(this.#nodes.size);
  }

  #abandon(room: string): void {
    this.#hub().abandonRoom(room);
    this.#options.events.roomAbandoned();
  }

  #wakeSoon(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    setImmediate(() => {
      this.#isWoken = false;
      this.#switchboard.flush();
    });
  }

  #info(): NodeInfo {
    const { nodeUrl } = this.#options;
    return { ...(nodeUrl !== undefined && { url: nodeUrl }), ...(this.#isLeaving && { leaving: true }) };
  }

  #every(ms: number, act: () => unknown): void {
    this.#timers.push(setInterval(act, ms));
  }
}

function channelOf(node: string): string {
  return `turnpike:to:${node}`;
}

/** Other versions may say other things. */
function readInfo(text: string): NodeInfo {
  try {
    return JSON.parse(text) as NodeInfo;
  } catch {
    return {};
  }
}
