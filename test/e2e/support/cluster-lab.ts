/** Nodes in this process that share a Redis of their own, and clients of any of them. */

import type { Config } from "../../../src/config/config.ts";
import { createLogger } from "../../../src/observe/logger.ts";
import { createServer, type TurnpikeServer } from "../../../src/server.ts";
import { SignalingClient } from "../../support/signaling-client.ts";
import { testConfig } from "../../support/test-config.ts";
import { eventually } from "./eventually.ts";
import { RedisProcess } from "./redis-process.ts";

export class Node {
  readonly server: TurnpikeServer;
  readonly url: string;
  readonly log: string[];

  private constructor(server: TurnpikeServer, url: string, log: string[]) {
    this.server = server;
    this.url = url;
    this.log = log;
  }

  static async start(config: Config): Promise<Node> {
    const log: string[] = [];
    const logger = createLogger({ level: "debug", stream: { write: (line: string) => void log.push(line) } });
    const server = createServer(config, { logger });
    const { http } = await server.start();
    return new Node(server, `ws://127.0.0.1:${http[0]?.port}/signal`, log);
  }

  async isReady(): Promise<boolean> {
    const answer = await fetch(`${this.url.replace("ws:", "http:").replace("/signal", "/readyz")}`);
    await answer.arrayBuffer();
    return answer.status === 200;
  }

  async becomesReady(): Promise<void> {
    await eventually(
      "the node being ready",
      () => this.isReady(),
      (ready) => ready,
    );
  }
}

export class ClusterLab {
  readonly redis: RedisProcess;
  readonly nodes: Node[] = [];
  readonly #clients: SignalingClient[] = [];

  private constructor(redis: RedisProcess) {
    this.redis = redis;
  }

  static async start(options: { readonly password?: string } = {}): Promise<ClusterLab> {
    return new ClusterLab(await RedisProcess.start(options));
  }

  /** A node that is ready. */
  async node(overrides: Parameters<typeof testConfig>[0] = {}): Promise<Node> {
    const node = await this.unreadyNode(overrides);
    await node.becomesReady();
    return node;
  }

  async unreadyNode(overrides: Parameters<typeof testConfig>[0] = {}): Promise<Node> {
    // Each batched engine keeps one of the four threads of Node's pool, and a process has one server as a rule.
    const config = testConfig({ redis: this.redis.url, udpEngine: "dgram", ...overrides });
    const node = await Node.start(config);
    this.nodes.push(node);
    return node;
  }

  /** Kept open until the end. */
  client(node: Node): Promise<SignalingClient> {
    return this.clientAt(node.url);
  }

  async clientAt(url: string): Promise<SignalingClient> {
    const client = await SignalingClient.open(url);
    this.#clients.push(client);
    return client;
  }

  async end(): Promise<void> {
    for (const client of this.#clients) client.webSocket.terminate();
    await Promise.all(this.nodes.map(({ server }) => server.close()));
    await this.redis.stop();
  }
}
