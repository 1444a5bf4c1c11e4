/** Nodes in one process: hubs and switchboards as they are, a bus and an index in memory, and a clock that the test moves. */

import { CHANNEL_LIMITS } from "../../src/cluster/node-channel.ts";
import { Switchboard } from "../../src/cluster/switchboard.ts";
import type { Place, RoomDirectory } from "../../src/signaling/directory.ts";
import { Hub, type HubOptions } from "../../src/signaling/hub.ts";
import type { HubPorts } from "../../src/signaling/ports.ts";
import { Client, INFO, OPTIONS } from "../unit/signaling/bench.ts";

interface OnBus {
  readonly to: string;
  readonly text: string;
}

export class MemoryCluster {
  nowMs = 1_000_000;
  /** Where rooms live. */
  readonly homes = new Map<string, string>();
  readonly nodes = new Map<string, MemoryNode>();
  readonly failures: unknown[] = [];
  /** Which node has lost which, and why. */
  readonly ended: string[] = [];
  readonly channelLimits = { ...CHANNEL_LIMITS };
  /** False: nothing arrives, and no room can be looked up. */
  isUp = true;
  /** Says of each message whether it is lost. */
  loses: (message: OnBus) => boolean = () => false;
  readonly #bus: OnBus[] = [];
  #steps = 0;

  node(id: string, options: Partial<HubOptions> = {}, ports: Partial<HubPorts> = {}): MemoryNode {
    const node = new MemoryNode(this, id, options, ports);
    this.nodes.set(id, node);
    return node;
  }

  /** The process is gone without a word; the others notice. */
  kill(id: string): void {
    this.nodes.delete(id);
    for (const node of this.nodes.values()) node.switchboard.keepOnly(new Set(this.nodes.keys()), 0);
  }

  publish(to: string, text: string): void {
    if (this.isUp) this.#bus.push({ to, text });
  }

  /** Until nobody has anything to say. */
  async quiet(): Promise<void> {
    do {
      await new Promise((resolve) => setImmediate(resolve));
      for (const { switchboard } of this.nodes.values()) switchboard.flush();
      for (const message of this.#bus.splice(0)) {
        if (!this.loses(message)) this.nodes.get(message.to)?.switchboard.receive(message.text);
      }
    } while (this.#bus.length > 0 || [...this.nodes.values()].some((node) => node.isWoken()));
  }

  /** Lets time pass in steps of 200 ms. */
  async pass(seconds: number): Promise<void> {
    for (let step = 0; step < Math.round(seconds * 5); step++) {
      this.nowMs += 200;
      this.#steps++;
      for (const { switchboard, hub } of this.nodes.values()) {
        switchboard.tick();
        if (this.#steps % 5 !== 0) continue;
        hub.sweep();
        if (this.isUp) switchboard.keepOnly(new Set(this.nodes.keys()), 1000);
      }
      await this.quiet();
    }
  }
}

export class MemoryNode implements RoomDirectory {
  readonly id: string;
  readonly hub: Hub;
  readonly switchboard: Switchboard;
  readonly tokenPrefix: string;
  readonly #cluster: MemoryCluster;
  #woken = false;

  constructor(cluster: MemoryCluster, id: string, options: Partial<HubOptions>, ports: Partial<HubPorts>) {
    this.id = id;
    this.tokenPrefix = `${id}.`;
    this.#cluster = cluster;
    this.switchboard = new Switchboard(id, {
      now: () => cluster.nowMs,
      publish: (to, text) => cluster.publish(to, text),
      wakeSoon: () => {
        this.#woken = true;
      },
      receiveGuest: (link, entry) => this.hub.receive(link, entry),
      answer: ({ room }) => this.hub.members(room),
      peerEnded: (node, why) => cluster.ended.push(`${id} ${node} ${why}`),
      failed: (error) => cluster.failures.push(error),
      channelLimits: cluster.channelLimits,
    });
    this.hub = new Hub(
      { ...OPTIONS, ...options },
      {
        now: () => cluster.nowMs,
        issueIceServers: ({ peer, roomKey }) => ({
          iceServers: [{ urls: [`turn:${id}`], username: `r.${peer}.${roomKey}`, credential: "c" }],
          expiresAt: 1_800_000_000,
        }),
        directory: this,
        events: { failed: (error) => cluster.failures.push(error) },
        ...ports,
      },
    );
  }

  client(): Client {
    return new Client(this.hub, INFO);
  }

  isWoken(): boolean {
    const { isUp } = this.#cluster;
    const woken = this.#woken && isUp;
    this.#woken = false;
    return woken;
  }

  holds(room: string): boolean {
    return this.#cluster.isUp && this.#cluster.homes.get(room) === this.id;
  }

  async locate(room: string, mayMake: boolean): Promise<Place> {
    const { homes, nodes, isUp } = this.#cluster;
    await Promise.resolve();
    if (!isUp) return { kind: "unavailable" };
    const home = homes.get(room);
    if (home !== undefined && home !== this.id && nodes.has(home)) return { kind: "elsewhere", node: home };
    if (home !== this.id && !mayMake) return { kind: "nowhere" };
    homes.set(room, this.id);
    return { kind: "here" };
  }

  release(room: string): void {
    if (this.#cluster.homes.get(room) === this.id) this.#cluster.homes.delete(room);
  }

  async locateToken(token: string): Promise<Place> {
    await Promise.resolve();
    const node = token.split(".")[0] ?? "";
    if (!this.#cluster.isUp) return { kind: "unavailable" };
    return this.#cluster.nodes.has(node) ? { kind: "elsewhere", node } : { kind: "nowhere" };
  }

  handOver(...args: Parameters<RoomDirectory["handOver"]>): ReturnType<RoomDirectory["handOver"]> {
    return this.switchboard.handOver(...args);
  }
}
