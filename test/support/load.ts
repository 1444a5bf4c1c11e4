/**
 * Full load in a closed loop: so many packets are on their way at once that nothing is ever idle, and so few that no buffer of the kernel
 * is full. Each packet is known, and where it arrived: nothing is estimated.
 */

import { setTimeout as delay } from "node:timers/promises";
import {
  channelDataFrame,
  type Frame,
  payloadOf,
  plainFrame,
  sendIndicationFrame,
} from "../../bench/generator/frames.ts";
import { CHANNEL } from "../../bench/generator/turn-client.ts";
import type { Wire, WireSocket } from "../../bench/generator/wire.ts";
import type { IpAddress, TransportAddress } from "../../src/stun/address.ts";
import type { PacketTransport } from "./endpoint.ts";
import { TurnClient } from "./turn-client.ts";
import type { Credentials } from "./turn-request.ts";

export const LOAD_CHANNEL = CHANNEL;
export const LOAD_BYTES = 172;
const MARK = 0x80_7e_57_db;
/** Packets that are on their way at once. */
export const WINDOW = 128;
/** What is on its way for as long is lost. */
const REST_MS = 200;

/** Somewhere packets arrive. */
export interface Place {
  readonly name: string;
  readonly socket: WireSocket;
}

export interface LoadClient extends Place {
  readonly turn: TurnClient;
}

export class Flow {
  readonly name: string;
  /** By number: when each packet was sent, and where it arrived. */
  readonly sentAtMs: number[] = [];
  readonly arrivedAt: (string | undefined)[] = [];
  /** Where it should arrive. */
  readonly to: Place;
  arrived = 0;
  lastArrivedMs = 0;
  readonly #send: (bytes: (frame: Frame) => void) => void;
  readonly #id: number;

  constructor(name: string, id: number, to: Place, send: (write: (frame: Frame) => void) => void) {
    this.name = name;
    this.#id = id;
    this.to = to;
    this.#send = send;
  }

  get sent(): number {
    return this.sentAtMs.length;
  }

  /** Numbers of those that did not arrive. */
  get lost(): readonly number[] {
    return this.sentAtMs.flatMap((_, i) => (this.arrivedAt[i] === undefined ? [i] : []));
  }

  sendNext(): void {
    const number = this.sent;
    this.sentAtMs.push(performance.now());
    this.#send(({ bytes, payloadAt }) => {
      bytes.writeUInt32BE(MARK, payloadAt);
      bytes.writeUInt32BE(this.#id, payloadAt + 4);
      bytes.writeUInt32BE(number, payloadAt + 8);
    });
  }
}

export class Load {
  readonly flows: Flow[] = [];
  /** Packets that nobody sent, or that had arrived before. */
  strays = 0;
  readonly #wire: Wire;
  readonly #server: TransportAddress;
  readonly #dropped: () => number;
  #isOn = false;
  #next = 0;
  #sent = 0;
  #arrived = 0;

  /** `dropped`: what the relay says it has dropped. */
  constructor(wire: Wire, server: TransportAddress, dropped: () => number) {
    this.#wire = wire;
    this.#server = server;
    this.#dropped = dropped;
    wire.onTick = () => this.#fill();
  }

  get inFlight(): number {
    return this.#sent - this.#arrived - this.#dropped();
  }

  async client(name: string, ip: IpAddress, as: Credentials): Promise<LoadClient> {
    let control: (bytes: Uint8Array) => void = () => undefined;
    const place = await this.#open(name, ip, (bytes, start, end) => {
      const at = payloadOf(bytes, start, end, LOAD_BYTES);
      if (at < 0) control(Uint8Array.from(bytes.subarray(start, end)));
      return at;
    });
    const transport: PacketTransport = {
      local: place.socket.address,
      send: async (bytes) => place.socket.send(this.#server, bytes),
      onPacket(receiver) {
        control = receiver;
      },
      close: async () => place.socket.close(),
    };
    return { ...place, turn: new TurnClient(transport, as) };
  }

  peer(name: string, ip: IpAddress): Promise<Place> {
    return this.#open(name, ip, (_bytes, start, end) => (end - start === LOAD_BYTES ? start : -1));
  }

  /** `payload`: where the payload begins in what came; negative: it is no packet of the load. */
  async #open(
    name: string,
    ip: IpAddress,
    payload: (bytes: Buffer, start: number, end: number) => number,
  ): Promise<Place> {
    const socket = await this.#wire.open(ip, (bytes, start, end) => {
      const at = payload(bytes, start, end);
      if (at >= 0) this.#receive(name, bytes, at);
    });
    return { name, socket };
  }

  /** A client's by its channel, or as Send indications to `target`. */
  addUp(name: string, from: Place, to: Place, target?: TransportAddress): Flow {
    const frame =
      target === undefined ? channelDataFrame(LOAD_BYTES) : sendIndicationFrame(target, LOAD_BYTES);
    return this.#add(name, to, frame, (bytes) => from.socket.send(this.#server, bytes));
  }

  /** From a peer to a relayed address. */
  addDown(name: string, from: Place, to: Place, relayed: TransportAddress): Flow {
    return this.#add(name, to, plainFrame(LOAD_BYTES), (bytes) => from.socket.send(relayed, bytes));
  }

  #add(name: string, to: Place, frame: Frame, send: (bytes: Buffer) => void): Flow {
    const flow = new Flow(name, this.flows.length, to, (write) => {
      write(frame);
      send(frame.bytes);
    });
    this.flows.push(flow);
    return flow;
  }

  start(): void {
    this.#isOn = true;
  }

  stop(): void {
    this.#isOn = false;
  }

  /** Resolves when nothing arrives any more. */
  async rest(): Promise<void> {
    for (let before = -1; before < this.#arrived; await delay(REST_MS)) before = this.#arrived;
  }

  #fill(): void {
    if (!this.#isOn) return;
    for (let left = WINDOW - this.inFlight; left > 0; left--) {
      this.#sent++;
      this.flows[this.#next++ % this.flows.length]?.sendNext();
    }
  }

  #receive(place: string, bytes: Buffer, at: number): void {
    const flow = bytes.readUInt32BE(at) === MARK ? this.flows[bytes.readUInt32BE(at + 4)] : undefined;
    const number = bytes.readUInt32BE(at + 8);
    if (flow === undefined || number >= flow.sent || flow.arrivedAt[number] !== undefined) {
      this.strays++;
      return;
    }
    flow.arrivedAt[number] = place;
    flow.arrived++;
    flow.lastArrivedMs = performance.now();
    this.#arrived++;
  }
}
