/** Relayed packets: between clients and peers ("both", "up", "down"), or from client to client of the same relay ("pair"). */

import type { TransportAddress } from "../../src/stun/address.ts";
import { openClients, PEER_IP, setUp } from "./clients.ts";
import { channelDataFrame, type Frame, payloadOf, plainFrame, sendIndicationFrame } from "./frames.ts";
import { Meter } from "./meter.ts";
import type { GeneratorOptions, Mode } from "./options.ts";
import { Pacer } from "./pacer.ts";
import { flowOf, sentAtMs, writePayload } from "./payload.ts";
import { type RunResult, resultOf } from "./result.ts";
import type { TurnClient } from "./turn-client.ts";
import type { Wire, WireSocket } from "./wire.ts";

/** Towards the peers; in a pair from the even client to the odd one. */
const UP = 0;
const DOWN = 1;
const DIRECTIONS: Readonly<Partial<Record<Mode, readonly number[]>>> = {
  both: [UP, DOWN],
  pair: [UP, DOWN],
  up: [UP],
  down: [DOWN],
};

export async function runStream(options: GeneratorOptions, wire: Wire): Promise<RunResult> {
  const stream = new Stream(options, wire);
  const meter = new Meter(options.pid, wire);
  const before = meter.residentKb();
  await stream.open();
  const { pacer } = stream;
  const spent = await pacer.run();
  const residentKb = [before, meter.residentKb()];
  const resent = await stream.close();
  return resultOf(
    options,
    wire.name,
    {
      units: pacer.received,
      sent: pacer.sent,
      bad: stream.bad,
      resent,
      failures: new Map(),
      p50Ms: pacer.latencies.quantileMs(0.5),
      p99Ms: pacer.latencies.quantileMs(0.99),
      late: pacer.late,
      residentKb,
    },
    spent,
  );
}

class Stream {
  readonly pacer: Pacer;
  bad = 0;
  readonly #options: GeneratorOptions;
  readonly #wire: Wire;
  readonly #isPair: boolean;
  #clients: readonly TurnClient[] = [];
  readonly #peers: WireSocket[] = [];
  /** Which allocation has a relayed port. */
  readonly #flowOfPort = new Int32Array(65_536).fill(-1);
  readonly #plain: Frame;
  readonly #channelData: Frame;
  readonly #indications: Frame[] = [];

  constructor(options: GeneratorOptions, wire: Wire) {
    this.#options = options;
    this.#wire = wire;
    this.#isPair = options.mode === "pair";
    this.#plain = plainFrame(options.size);
    this.#channelData = channelDataFrame(options.size);
    this.pacer = new Pacer(options, wire, {
      directions: DIRECTIONS[options.mode] ?? [],
      count: this.#isPair ? options.allocs / 2 : options.allocs,
      send: (direction, index, nowMs) => this.#send(direction, index, nowMs),
    });
  }

  async open(): Promise<void> {
    const { size, indications } = this.#options;
    if (!this.#isPair) await this.#openPeers();
    this.#clients = await openClients(this.#options, this.#wire);
    await setUp(this.#wire, this.#clients, ["allocate"], () => undefined);
    const indexes = new Map(this.#clients.map((client, index) => [client, index]));
    const peerOf = (client: TurnClient) => this.#targetOf(indexes.get(client) ?? 0);
    await setUp(this.#wire, this.#clients, indications ? ["permit"] : ["permit", "bind"], peerOf);
    for (const [index, client] of this.#clients.entries()) {
      if (client.relayed !== undefined) this.#flowOfPort[client.relayed.port] = index;
      if (indications) this.#indications.push(sendIndicationFrame(this.#targetOf(index), size));
      client.onData = (bytes, start, end) => this.#clientReceived(index, bytes, start, end);
    }
  }

  /** How many requests were sent again. */
  async close(): Promise<number> {
    for (const client of this.#clients) client.onData = () => undefined;
    await setUp(this.#wire, this.#clients, ["free"], () => undefined);
    return this.#clients.reduce((sum, { resent }) => sum + resent, 0);
  }

  async #openPeers(): Promise<void> {
    for (let i = 0; i < this.#options.peers; i++) {
      const receive = (bytes: Buffer, start: number, end: number, port: number) =>
        this.#peerReceived(bytes, start, end, port);
      this.#peers.push(await this.#wire.open(PEER_IP, receive));
    }
  }

  /** What the allocation sends to: its peer, or the relayed address of its partner. */
  #targetOf(index: number): TransportAddress {
    const target = this.#isPair ? this.#clients[index ^ 1]?.relayed : this.#peerOf(index).address;
    if (target === undefined) throw new Error("an allocation without a relayed address");
    return target;
  }

  #peerOf(index: number): WireSocket {
    return this.#peers[index % this.#peers.length] as WireSocket;
  }

  #send(direction: number, index: number, nowMs: number): void {
    const flow = this.#isPair ? 2 * index + direction : index;
    const client = this.#clients[flow] as TurnClient;
    const isFromClient = this.#isPair || direction === UP;
    const frame = isFromClient ? (this.#indications[flow] ?? this.#channelData) : this.#plain;
    writePayload(frame.bytes, frame.payloadAt, flow, direction, nowMs);
    if (isFromClient) client.socket.send(this.#options.server, frame.bytes);
    else this.#peerOf(flow).send(client.relayed as TransportAddress, frame.bytes);
  }

  #clientReceived(index: number, bytes: Buffer, start: number, end: number): void {
    const at = payloadOf(bytes, start, end, this.#options.size);
    const direction = this.#isPair ? 1 - (index & 1) : DOWN;
    this.#count(bytes, at, direction, this.#isPair ? index ^ 1 : index);
  }

  #peerReceived(bytes: Buffer, start: number, end: number, port: number): void {
    const at = end - start === this.#options.size ? start : -1;
    this.#count(bytes, at, UP, this.#flowOfPort[port] as number);
  }

  /** `expected`: whose packet may come here. */
  #count(bytes: Buffer, at: number, direction: number, expected: number): void {
    if (at < 0 || flowOf(bytes, at, direction) !== expected) this.bad++;
    else this.pacer.arrived(direction, sentAtMs(bytes, at));
  }
}
