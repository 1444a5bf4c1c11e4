/** A real server with rooms, and a stranger's address beside it that the network policy lets the relay reach. */

import { createServer, type ServerHooks, type TurnpikeServer } from "../../src/server.ts";
import {
  type IpAddress,
  networks,
  parseIp,
  type TransportAddress,
  withPort,
} from "../../src/stun/address.ts";
import { type Endpoint, transportTo } from "./endpoint.ts";
import { Mailbox } from "./mailbox.ts";
import { SignalingClient } from "./signaling-client.ts";
import { openStreamTransport } from "./stream-transport.ts";
import { LOOPBACK_4, testConfig } from "./test-config.ts";
import { TurnClient } from "./turn-client.ts";
import { openUdpEndpoint } from "./udp-endpoint.ts";

/** Linux answers to all of 127.0.0.0/8; the server and its clients are at 127.0.0.1. The relay may reach 127.0.0.8 to 127.0.0.11. */
const OPEN_NETWORK = "127.0.0.8/30";
export const OUTSIDE = parseIp("127.0.0.9") as IpAddress;

const PATIENCE_MS = 3000;

export interface Outsider extends Endpoint {
  readonly packets: Mailbox<Buffer>;
}

export class RoomBench {
  readonly #cleanups: (() => Promise<unknown>)[] = [];
  #url = "";
  #adminUrl = "";
  turnPort = 0;

  async start(
    overrides: Parameters<typeof testConfig>[0] = {},
    hooks: ServerHooks = {},
  ): Promise<TurnpikeServer> {
    const allowRelayTo = networks(OPEN_NETWORK);
    const server = createServer(testConfig({ dev: false, allowRelayTo, ...overrides }), hooks);
    this.#cleanups.push(() => server.close());
    const { http, turn, admin } = await server.start();
    this.#url = `ws://127.0.0.1:${http[0]?.port}/signal`;
    this.#adminUrl = `http://127.0.0.1:${admin[0]?.port}/metrics`;
    this.turnPort = turn[0]?.port ?? 0;
    return server;
  }

  async close(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
  }

  async metric(name: string): Promise<number> {
    const page = await (await fetch(this.#adminUrl)).text();
    const line = page.split("\n").find((text) => text.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1) ?? 0);
  }

  /** `url`: of another node that shares the rooms. */
  async join(room: string, url = this.#url): Promise<RoomMember> {
    const signaling = await SignalingClient.open(url);
    const { peer, iceServers } = await signaling.join(room);
    const { username = "", credential = "" } = iceServers.find((one) => one.credential !== undefined) ?? {};
    return new RoomMember(this, signaling, peer, { username, password: credential });
  }

  /** A client of the TURN server. */
  async relay(
    credentials: TurnClient["credentials"],
    { over = "udp", from = LOOPBACK_4 }: { over?: "udp" | "tcp"; from?: IpAddress } = {},
  ): Promise<TurnClient> {
    const server = withPort(LOOPBACK_4, this.turnPort);
    const transport =
      over === "udp"
        ? transportTo(server, await openUdpEndpoint(from))
        : await openStreamTransport({ server, from });
    this.#cleanups.push(() => transport.close());
    return new TurnClient(transport, credentials, PATIENCE_MS);
  }

  /** Somebody's socket outside. `answer`: what it sends back. */
  async outsider(
    ip: IpAddress = OUTSIDE,
    answer?: (packet: Buffer, from: TransportAddress) => Uint8Array | undefined,
  ): Promise<Outsider> {
    const endpoint = await openUdpEndpoint(ip);
    this.#cleanups.push(() => endpoint.close());
    const packets = new Mailbox<Buffer>("a packet outside", PATIENCE_MS);
    endpoint.onPacket((bytes, from) => {
      packets.put(Buffer.from(bytes));
      const sentBack = answer?.(Buffer.from(bytes), from);
      if (sentBack !== undefined) void endpoint.send(from, sentBack);
    });
    return { ...endpoint, packets };
  }
}

export class RoomMember {
  readonly #bench: RoomBench;
  readonly signaling: SignalingClient;
  readonly peer: string;
  readonly credentials: TurnClient["credentials"];

  constructor(
    bench: RoomBench,
    signaling: SignalingClient,
    peer: string,
    credentials: TurnClient["credentials"],
  ) {
    this.#bench = bench;
    this.signaling = signaling;
    this.peer = peer;
    this.credentials = credentials;
  }

  relay(options: Parameters<RoomBench["relay"]>[1] = {}): Promise<TurnClient> {
    return this.#bench.relay(this.credentials, options);
  }

  /** Signals a description with this ICE password, and waits until the other has it. */
  async describe(to: RoomMember, password: string, more = ""): Promise<void> {
    const sdp = `v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:abcd\r\na=ice-pwd:${password}\r\n${more}`;
    this.signaling.send({ type: "offer", to: to.peer, description: { type: "offer", sdp } });
    await to.signaling.next("offer");
  }

  /** Signals a candidate at this address, and waits until the other has it. */
  async claim(to: RoomMember, address: string, port = 9): Promise<void> {
    const candidate = `candidate:1 1 udp 2122260223 ${address} ${port} typ host`;
    this.signaling.send({ type: "candidate", to: to.peer, candidate: { candidate, sdpMid: "0" } });
    await to.signaling.next("candidate");
  }

  async leave(): Promise<void> {
    this.signaling.send({ type: "leave" });
    await this.signaling.next("ok");
  }
}
