/** Two nodes in processes of their own and a Redis, and what may happen to them. */

import { setTimeout as delay } from "node:timers/promises";
import type { SeededRandom } from "../../support/seeded-random.ts";
import { freePort } from "./free-port.ts";
import { RedisLine } from "./redis-line.ts";
import { RedisProcess } from "./redis-process.ts";
import { type Ports, TurnpikeProcess } from "./turnpike-process.ts";

const FLAGS = ["--secret", "the secret of the tests", "--dev", "--host", "127.0.0.1", "--log-level", "warn"];
const TIMES = ["--node-timeout-seconds", "1", "--resume-seconds", "3", "--udp-engine", "dgram"];
/** How long something stays away. */
const SHORTEST_MS = 300;
const LONGEST_MS = 2500;

interface Node {
  readonly ports: Ports;
  readonly line: RedisLine;
  isCutOff: boolean;
  /** Undefined while it is dead. */
  process: TurnpikeProcess | undefined;
}

export class ChaosSite {
  readonly redis: RedisProcess;
  readonly nodes: readonly Node[];
  readonly #random: SeededRandom;
  #isRedisWell = true;

  private constructor(redis: RedisProcess, nodes: readonly Node[], random: SeededRandom) {
    this.redis = redis;
    this.nodes = nodes;
    this.#random = random;
  }

  static async start(random: SeededRandom): Promise<ChaosSite> {
    const redis = await RedisProcess.start();
    const node = async () => {
      const ports = { http: await freePort(), turn: await freePort(), admin: await freePort() };
      return { ports, line: await RedisLine.to(redis), isCutOff: false, process: undefined };
    };
    const nodes: Node[] = [await node(), await node()];
    const site = new ChaosSite(redis, nodes, random);
    await Promise.all(nodes.map((node) => site.#revive(node)));
    return site;
  }

  /** Of any node, dead or alive: clients cannot know. */
  url(): string {
    return `ws://127.0.0.1:${this.#random.pick(this.nodes).ports.http}/signal`;
  }

  /** Something happens, in words; what is away comes back by itself, at the latest when `well` says so. */
  readonly happenings: readonly (() => Promise<string>)[] = [
    () => this.#kill(),
    () => this.#cutOff(),
    () =>
      this.#withRedis(
        "stopped",
        () => this.redis.stop(),
        () => this.redis.startAgain(),
      ),
    () =>
      this.#withRedis(
        "paused",
        () => this.redis.pause(),
        () => this.redis.goOn(),
      ),
    () =>
      this.#withRedis(
        "emptied",
        () => this.redis.empty(),
        () => undefined,
      ),
  ];

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(({ process }) => process?.process.stop(0)));
    await Promise.all(this.nodes.map(({ line }) => line.close()));
    await this.redis.stop();
  }

  async #kill(): Promise<string> {
    const alive = this.nodes.filter(({ process }) => process !== undefined);
    // One of them must live, or there is nothing to be seen.
    if (alive.length < this.nodes.length) return "nothing: one node is dead already";
    const node = this.#random.pick(alive);
    const { process: victim } = node;
    node.process = undefined;
    if (victim !== undefined) process.kill(victim.process.pid, "SIGKILL");
    await victim?.process.exited;
    await this.#wait();
    await this.#revive(node);
    return `node ${this.nodes.indexOf(node)} was killed`;
  }

  async #cutOff(): Promise<string> {
    const node = this.#random.pick(this.nodes);
    if (node.isCutOff) return "nothing: that node is cut off already";
    node.isCutOff = true;
    node.line.cut();
    await this.#wait();
    node.line.mend();
    node.isCutOff = false;
    return `node ${this.nodes.indexOf(node)} was cut off from Redis`;
  }

  async #withRedis(what: string, begin: () => unknown, end: () => unknown): Promise<string> {
    if (!this.#isRedisWell) return "nothing: Redis is unwell already";
    this.#isRedisWell = false;
    await begin();
    await this.#wait();
    await end();
    this.#isRedisWell = true;
    return `Redis was ${what}`;
  }

  async #revive(node: Node): Promise<void> {
    const env = { ...process.env, TURNPIKE_REDIS: node.line.url, TURNPIKE_SEED: "" };
    const { ports } = node;
    // Ready for it is alive: /readyz waits for Redis, which may be away.
    node.process = await TurnpikeProcess.start({ ports, env, flags: [...FLAGS, ...TIMES] });
  }

  #wait(): Promise<void> {
    return delay(SHORTEST_MS + this.#random.below(LONGEST_MS - SHORTEST_MS));
  }
}
