/** A hub with fake sockets and a clock that the test moves. */

import { expect } from "vitest";
import { Hub, type HubOptions } from "../../../src/signaling/hub.ts";
import type {
  Connection,
  ConnectionInfo,
  HubPorts,
  SignalingEvents,
  SignalingLink,
  Urgency,
} from "../../../src/signaling/ports.ts";
import type { ServerMessage } from "../../../src/signaling/protocol.ts";

export type Received<T extends ServerMessage["type"] = ServerMessage["type"]> = Extract<
  ServerMessage,
  { type: T }
>;

/** A socket in memory. As with a real one, its end is told to the hub, and what is sent after it is lost. */
export class FakeLink implements SignalingLink {
  readonly received: ServerMessage[] = [];
  readonly frames: string[] = [];
  readonly urgencies: Urgency[] = [];
  connection: Connection | undefined;
  bufferedBytes = 0;
  pings = 0;
  closedWith: { code: number; reason: string } | undefined;
  terminated = false;
  failing = false;
  gone = false;

  send(text: string, urgency: Urgency = "now"): void {
    if (this.failing) throw new Error("broken link");
    if (this.gone) return;
    this.frames.push(text);
    this.urgencies.push(urgency);
    this.received.push(JSON.parse(text) as ServerMessage);
  }
  close(code: number, reason: string): void {
    if (this.gone) return;
    this.closedWith = { code, reason };
    this.vanish();
  }
  ping(): void {
    if (this.failing) throw new Error("broken link");
    this.pings++;
  }
  terminate(): void {
    this.terminated = true;
    this.vanish();
  }
  /** The network is gone. */
  vanish(): void {
    if (this.gone) return;
    this.gone = true;
    this.connection?.closed();
  }
}

export class Client {
  readonly link = new FakeLink();
  readonly connection: Connection;
  nextRef = 1;
  #seen = 0;

  constructor(hub: Hub, info: ConnectionInfo) {
    const connection = hub.connect(this.link, info);
    if (connection === undefined) throw new Error("the hub refused the connection");
    this.connection = connection;
    this.link.connection = connection;
  }

  /** Sends a message under the next `ref` and returns it. */
  say(message: Record<string, unknown>): number {
    const ref = this.nextRef++;
    this.connection.receiveText(JSON.stringify({ ref, ...message }));
    return ref;
  }

  /** Sends a message and returns its answer, which must be the only one. */
  ask(message: Record<string, unknown>): ServerMessage {
    const ref = this.say(message);
    const answers = this.link.received.filter((answer) => "ref" in answer && answer.ref === ref);
    expect(answers).toHaveLength(1);
    return answers[0] as ServerMessage;
  }

  join(room = "blue-fox", more: Record<string, unknown> = {}): Received<"joined"> {
    const answer = this.ask({ type: "join", v: 1, room, ...more });
    if (answer.type !== "joined") throw new Error(`not joined: ${JSON.stringify(answer)}`);
    return answer;
  }

  resume(resumeToken: string, lastSeq: number): ServerMessage {
    return this.ask({ type: "join", v: 1, resumeToken, lastSeq });
  }

  /** What came since the last look, without `seq`. */
  news(): Record<string, unknown>[] {
    const fresh = this.link.received.slice(this.#seen);
    this.#seen = this.link.received.length;
    return fresh.map(({ seq: _seq, ...rest }) => rest);
  }

  get lastSeq(): number {
    return this.link.received.at(-1)?.seq ?? 0;
  }
}

export const OPTIONS: HubOptions = {
  roomSize: 2,
  createOnJoin: true,
  clearOnLeave: true,
  resumeSeconds: 15,
  ttlSeconds: 3600,
  maxMessageBytes: 4096,
  messagesPerSecond: 50,
  messageBurst: 200,
  maxRooms: 100,
  maxRoomsPerAddress: 50,
  maxConnections: 1000,
  maxConnectionsPerAddress: 100,
  heartbeatSeconds: 30,
  joinTimeoutSeconds: 20,
};

export const INFO: ConnectionInfo = {
  address: "198.51.100.1",
  host: "call.example",
  secure: true,
  exemptFromLimits: false,
};

export class Bench {
  readonly hub: Hub;
  readonly events: [string, ...unknown[]][] = [];
  nowMs = 1_000_000;

  constructor(options: Partial<HubOptions> = {}, ports: Partial<HubPorts> = {}) {
    this.hub = new Hub(
      { ...OPTIONS, ...options },
      {
        now: () => this.nowMs,
        issueIceServers: ({ peer, roomKey }) => ({
          iceServers: [
            { urls: ["turn:call.example:3478"], username: `r.${peer}.${roomKey}`, credential: "c" },
          ],
          expiresAt: 1_800_000_000 + Math.floor(this.nowMs / 1000),
        }),
        events: this.#recorder(),
        ...ports,
      },
    );
  }

  client(info: Partial<ConnectionInfo> = {}): Client {
    return new Client(this.hub, { ...INFO, ...info });
  }

  /** Two clients in one room; whatever they heard until now counts as seen. */
  pair(room = "blue-fox"): { alice: Client; bob: Client; aliceId: string; bobId: string } {
    const [alice, bob] = [this.client(), this.client()];
    const aliceId = alice.join(room).peer;
    const bobId = bob.join(room).peer;
    alice.news();
    bob.news();
    return { alice, bob, aliceId, bobId };
  }

  /** Lets time pass as it does: with a sweep every second. Clients answer pings unless told otherwise. */
  pass(seconds: number, ...alive: Client[]): void {
    for (let second = 0; second < seconds; second++) {
      this.nowMs += 1000;
      const pings = alive.map(({ link }) => link.pings);
      this.hub.sweep();
      for (const [index, { link, connection }] of alive.entries()) {
        if (link.pings !== pings[index]) connection.receivePong();
      }
    }
  }

  told(name: keyof SignalingEvents): unknown[] {
    return this.events.filter(([event]) => event === name).map(([, first]) => first);
  }

  #recorder(): SignalingEvents {
    const record = (name: keyof SignalingEvents) => {
      return (...details: unknown[]) => {
        this.events.push([name, ...details]);
      };
    };
    return {
      roomCreated: record("roomCreated"),
      roomDestroyed: record("roomDestroyed"),
      memberJoined: record("memberJoined"),
      memberAway: record("memberAway"),
      memberBack: record("memberBack"),
      memberLeft: record("memberLeft"),
      messageForwarded: record("messageForwarded"),
      requestFailed: record("requestFailed"),
      callReported: record("callReported"),
      relayTargetRefused: record("relayTargetRefused"),
      connectionClosed: record("connectionClosed"),
      failed: record("failed"),
    };
  }
}
