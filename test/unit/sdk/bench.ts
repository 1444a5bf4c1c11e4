/** Calls over the real hub, with sockets in memory, a clock that the test moves, and RTCPeerConnections without a network. */

import type { Call } from "../../../src/sdk/call.ts";
import { createRoom, joinRoom } from "../../../src/sdk/client.ts";
import type { SocketLike } from "../../../src/sdk/environment.ts";
import type { CallEvents } from "../../../src/sdk/events.ts";
import type { JoinOptions } from "../../../src/sdk/options.ts";
import { Hub, type HubOptions } from "../../../src/signaling/hub.ts";
import type { Connection, HubPorts } from "../../../src/signaling/ports.ts";
import { FakeClock, settle } from "./fake-clock.ts";
import { FakePeerConnection } from "./fake-peer-connection.ts";

const HUB_OPTIONS: HubOptions = {
  roomSize: 2,
  createOnJoin: true,
  clearOnLeave: true,
  resumeSeconds: 15,
  ttlSeconds: 3600,
  maxMessageBytes: 65_536,
  messagesPerSecond: 50,
  messageBurst: 200,
  maxRooms: 100,
  maxRoomsPerAddress: 100,
  maxConnections: 100,
  maxConnectionsPerAddress: 100,
  heartbeatSeconds: 25,
  joinTimeoutSeconds: 10,
};

type Sent = { type: string; ref: number } & Record<string, unknown>;

/** A WebSocket that ends in the hub. Frames wait in both directions until the bench delivers them. */
export class FakeSocket implements SocketLike {
  readonly url: string;
  readonly sent: Sent[] = [];
  onopen: SocketLike["onopen"] = null;
  onmessage: SocketLike["onmessage"] = null;
  onclose: SocketLike["onclose"] = null;
  onerror: SocketLike["onerror"] = null;
  /** What goes to the hub is lost, unless the test delivers it. */
  isDeaf = false;
  isOpen = false;
  closedWith: number | undefined;
  #connection: Connection | undefined;
  #inbox: string[] = [];

  constructor(url: string) {
    this.url = url;
  }

  open(hub: Hub): void {
    if (this.closedWith !== undefined) return;
    this.isOpen = true;
    this.#connection = hub.connect(
      {
        send: (text) => this.#inbox.push(text),
        close: (code, reason) => this.drop(code, reason),
        ping: () => this.#connection?.receivePong(),
        terminate: () => this.drop(),
        bufferedBytes: 0,
      },
      { address: "192.0.2.1", host: "example.org", secure: true, exemptFromLimits: false },
    );
    this.onopen?.();
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
    if (!this.isDeaf) this.#connection?.receiveText(text);
  }

  close(code = 1005): void {
    this.closedWith = code;
    this.#inbox = [];
    this.#connection?.closed();
    this.#connection = undefined;
  }

  /** Hands over what the hub has sent. False: nothing was there. */
  deliver(): boolean {
    const frames = this.#inbox.splice(0);
    for (const data of frames) this.onmessage?.({ data });
    return frames.length > 0;
  }

  /** A frame that the hub never sent. */
  inject(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** The connection is lost; what was delivered before still counts. */
  drop(code = 1006, reason = ""): void {
    this.deliver();
    this.close(code);
    this.onclose?.({ code, reason });
  }
}

export class Bench {
  readonly clock = new FakeClock();
  hub: Hub;
  /** Other servers, by the URL of their signaling. */
  readonly others = new Map<string, Hub>();
  readonly members: Member[] = [];
  issued = 0;
  /** New sockets stay closed while this is false. */
  isUp = true;
  /** Packets of new sockets are lost. */
  isSilent = false;
  readonly unreachable = new Set<string>();
  readonly #makeHub: () => Hub;

  constructor(options: Partial<HubOptions> = {}, ports: Partial<HubPorts> = {}) {
    this.#makeHub = () => this.#newHub(options, ports);
    this.hub = this.#makeHub();
  }

  /** A server more, as this one is set. */
  addServer(url: string): Hub {
    const hub = this.#makeHub();
    this.others.set(url, hub);
    return hub;
  }

  /** The server crashes; `start` starts it again, with an empty memory. */
  crash(): void {
    this.isUp = false;
    this.hub = this.#makeHub();
    for (const { socket } of this.members) socket?.drop();
  }

  start(): void {
    this.isUp = true;
  }

  /** Ends as SIGTERM has it. */
  async shutDown(): Promise<void> {
    this.hub.goAway(0);
    this.hub.closeAllRooms("shutdown");
    this.isUp = false;
    await this.run();
    this.crash();
  }

  #newHub(options: Partial<HubOptions>, ports: Partial<HubPorts>): Hub {
    return new Hub(
      { ...HUB_OPTIONS, ...options },
      {
        now: () => this.clock.nowMs,
        issueIceServers: () => {
          const username = `user ${++this.issued}`;
          const iceServers = [{ urls: ["turn:example.org"], username, credential: "secret" }];
          return { iceServers, expiresAt: 1000 };
        },
        events: {},
        ...ports,
      },
    );
  }

  /** Joins a room and delivers until nothing moves. */
  async join(
    options: JoinOptions = {},
    room = "room",
    environment: JoinOptions["environment"] = {},
  ): Promise<Member> {
    const member = new Member(this);
    this.members.push(member);
    await Promise.all([member.join(room, options, environment), this.run()]);
    await this.run();
    return member;
  }

  /** The same for who makes the room. */
  async create(options: JoinOptions = {}): Promise<Member> {
    const member = new Member(this);
    this.members.push(member);
    await Promise.all([member.join("room", options, {}, createRoom), this.run()]);
    return member;
  }

  /** A new socket of a member. */
  connect(member: Member, socket: FakeSocket): void {
    queueMicrotask(() => {
      if (this.isSilent) return;
      if (member.isOffline || this.unreachable.has(socket.url)) return socket.drop();
      const hub = this.others.get(socket.url) ?? (this.isUp ? this.hub : undefined);
      if (hub === undefined) socket.drop();
      else socket.open(hub);
    });
  }

  /** Delivers frames, in both directions, until nothing moves. */
  async run(): Promise<void> {
    let moved = true;
    while (moved) {
      await settle();
      moved = this.members.map((member) => member.socket?.deliver() ?? false).some(Boolean);
    }
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
    for (const hub of [this.hub, ...this.others.values()]) hub.sweep();
    await this.run();
  }
}

type Told = { [Name in keyof CallEvents]: readonly [Name, CallEvents[Name]] }[keyof CallEvents];

/** One browser. */
export class Member {
  readonly sockets: FakeSocket[] = [];
  readonly connections: FakePeerConnection[] = [];
  readonly events: Told[] = [];
  wake: () => void = () => undefined;
  /** Its new sockets stay closed. */
  isOffline = false;
  /** By which the others know it, also when the server has given it another one. */
  firstId = "";
  readonly #bench: Bench;
  #call: Call | undefined;

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  get call(): Call {
    if (this.#call === undefined) throw new Error("not joined");
    return this.#call;
  }

  get socket(): FakeSocket | undefined {
    return this.sockets.at(-1);
  }

  /** The newest. */
  get connection(): FakePeerConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error("no RTCPeerConnection was made");
    return connection;
  }

  connectionTo(other: Member): FakePeerConnection {
    const peer = [...this.call.peers.values()].find(({ id }) => id === other.firstId);
    if (peer === undefined) throw new Error("not connected");
    return peer.connection as unknown as FakePeerConnection;
  }

  async join(
    room: string,
    options: JoinOptions,
    environment: JoinOptions["environment"] = {},
    enter = joinRoom,
  ): Promise<void> {
    const call = await enter(room, {
      url: "https://example.org",
      ...options,
      environment: { ...this.environment(), ...environment },
    });
    this.#call = call;
    this.firstId = call.id;
    for (const name of EVENT_NAMES) call.on(name, (event) => this.events.push([name, event] as Told));
  }

  environment(): NonNullable<JoinOptions["environment"]> {
    return {
      ...this.#bench.clock.timers,
      random: () => 0.5,
      onWake: (callback) => {
        this.wake = callback;
        return () => {
          this.wake = () => undefined;
        };
      },
      createSocket: (url) => {
        const socket = new FakeSocket(url);
        this.sockets.push(socket);
        this.#bench.connect(this, socket);
        return socket;
      },
      createPeerConnection: (configuration) => {
        const connection = new FakePeerConnection(configuration);
        this.connections.push(connection);
        return connection as unknown as RTCPeerConnection;
      },
    };
  }

  told<Name extends keyof CallEvents>(name: Name): CallEvents[Name][] {
    return this.events.filter(([told]) => told === name).map(([, event]) => event as CallEvents[Name]);
  }

  sent(type: string): Sent[] {
    return this.sockets.flatMap((socket) => socket.sent).filter((message) => message.type === type);
  }
}

const EVENT_NAMES = [
  "joined",
  "peer-joined",
  "peer-left",
  "peer-away",
  "peer-back",
  "track",
  "channel-open",
  "message",
  "connection-state",
  "path",
  "ice-servers",
  "signaling",
  "go-away",
  "notice",
  "error",
  "closed",
] as const satisfies readonly (keyof CallEvents)[];
