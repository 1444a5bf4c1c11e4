/**
 * What a thread does with packets. Those of a flow that the relay has judged (turn/flows.ts) pass at once, as long as that says; everything
 * else is the relay's to judge, and is reported to it.
 *
 *   client ─ ChannelData, Send ─┬─ a flow ──► relay socket, or another client
 *                               └─ none ────► report
 *   relay socket ───────────────┬─ a flow ──► client
 *                               └─ none ────► report
 */

import { randomBytes } from "node:crypto";
import { type IpFamily, sameTransportAddress, type TransportAddress } from "../../stun/address.ts";
import { METHOD, TRANSACTION_ID_BYTES } from "../../stun/registry.ts";
import { type BandwidthDrop, takeFrom, takeFromOwn } from "../../turn/bandwidth.ts";
import {
  CHANNEL_DATA_HEADER_BYTES,
  startsChannelData,
  writeChannelDataHeader,
} from "../../turn/channel-data.ts";
import { dataIndicationHead, SendIndicationReader, wrapInDataIndication } from "../../turn/data-in-place.ts";
import type { IcmpError } from "../../turn/ports.ts";
import { quickBinding } from "../../turn/quick-binding.ts";
import type { SourceLimiter } from "../../turn/source-limiter.ts";
import { BatchSocket } from "./batch-socket.ts";
import type { FlowOrder, InsideOrder, SocketReference } from "./flow-order.ts";
import { SOCKADDR } from "./layout.ts";
import { NONE, SOCKET_KIND } from "./records.ts";
import type { Reporter } from "./reporter.ts";
import type { Rounds } from "./rounds.ts";
import { CELL, CELLS_PER_FLOW, TOTAL } from "./shared-memory.ts";

/** With its headers it fits any datagram; longer ones are the relay's to judge. */
const MAX_CARRIED_BYTES = 65_000;

const OVER_LIMIT: Readonly<Record<BandwidthDrop, number>> = {
  "allocation-bandwidth": TOTAL.overAllocationLimit,
  "room-bandwidth": TOTAL.overRoomLimit,
  "total-bandwidth": TOTAL.overTotalLimit,
};

interface InsideEnd extends Omit<InsideOrder, "socket"> {
  readonly socket: BatchSocket;
}

interface Flow extends Omit<FlowOrder, "inside" | "listener" | "relay"> {
  /** Where its cells begin. */
  readonly at: number;
  readonly listener: BatchSocket;
  readonly relay: BatchSocket;
  readonly inside: InsideEnd | undefined;
}

/** A client of one listener, and what it may send without asking. */
interface Client {
  readonly address: TransportAddress;
  readonly flows: Flow[];
}

interface Bindings {
  readonly limiter: SourceLimiter;
  readonly exemptLoopback: boolean;
}

export interface ForwarderMemory {
  readonly totals: Float64Array;
  /** Of all flows (`CELL`). */
  readonly flowCells: Float64Array;
}

export class Forwarder {
  /** Of the relay's clock, for the packets that follow. */
  nowMs = 0;
  readonly #rounds: Rounds;
  readonly #reporter: Reporter;
  readonly #totals: Float64Array;
  readonly #cells: Float64Array;
  readonly #sendIndication: SendIndicationReader;
  readonly #transactionId = randomBytes(TRANSACTION_ID_BYTES);
  #indications = 0;
  /** By the index of a listener, then by the client's port. */
  readonly #clients: (Map<number, Client[]> | undefined)[] = [];
  /** By the index of a relay socket. */
  readonly #targets: (Flow[] | undefined)[] = [];
  /** By slot. */
  readonly #flows: (Flow | undefined)[] = [];
  #bindings: Bindings | undefined;

  constructor(rounds: Rounds, reporter: Reporter, { totals, flowCells }: ForwarderMemory) {
    this.#rounds = rounds;
    this.#reporter = reporter;
    this.#totals = totals;
    this.#cells = flowCells;
    this.#sendIndication = new SendIndicationReader(rounds.sender.arena.bytes);
  }

  /** Of listeners of the kind that answers. */
  answerBindings(bindings: Bindings): void {
    this.#bindings = bindings;
  }

  openListener(socket: BatchSocket): void {
    this.#clients[socket.index] = new Map();
  }

  /** Its flows carry nothing any more; the relay closes them by orders of their own. */
  closeSocket(socket: BatchSocket): void {
    this.#clients[socket.index] = undefined;
    this.#targets[socket.index] = undefined;
  }

  /** This thread carries what comes in by its own sockets. */
  openFlow(order: FlowOrder): void {
    const { slot, client, inside } = order;
    const relay = this.#socketOf(order.relay);
    const listener = this.#socketOf(order.listener);
    const flow: Flow = {
      ...order,
      at: slot * CELLS_PER_FLOW,
      relay,
      listener,
      inside: inside && { ...inside, socket: this.#socketOf(inside.socket) },
    };
    this.#flows[slot] = flow;
    const clients = this.#clients[listener.index];
    if (clients !== undefined) flowsOfClient(clients, client).push(flow);
    if (inside === undefined && this.#rounds.at(relay.index) === relay) {
      const targets = this.#targets[relay.index];
      if (targets === undefined) this.#targets[relay.index] = [flow];
      else targets.push(flow);
    }
  }

  /** One that another thread reads is sent from all the same. */
  #socketOf({ index, descriptor, family }: SocketReference): BatchSocket {
    return this.#rounds.at(index) ?? BatchSocket.adopt(descriptor, family);
  }

  closeFlow(slot: number): void {
    const flow = this.#flows[slot];
    this.#flows[slot] = undefined;
    if (flow === undefined) return;
    const clients = this.#clients[flow.listener.index];
    if (clients !== undefined) forgetFlow(clients, flow);
    const targets = this.#targets[flow.relay.index];
    if (targets?.includes(flow)) {
      targets.splice(targets.indexOf(flow), 1);
      if (targets.length === 0) this.#targets[flow.relay.index] = undefined;
    }
  }

  icmp(socket: BatchSocket, error: IcmpError): void {
    this.#reporter.icmp(socket, error);
  }

  packet(socket: BatchSocket, slot: number, start: number, end: number): void {
    const clients = this.#clients[socket.index];
    const isCarried =
      end - start <= MAX_CARRIED_BYTES &&
      (clients === undefined
        ? this.#fromTarget(socket, slot, start, end)
        : this.#answer(socket, slot, start, end) || this.#fromClient(clients, slot, start, end));
    if (!isCarried) this.#reporter.packet(socket, slot, start, end);
  }

  // ---- from a client

  /** A plain Binding request, where it lies. False: it is none, or not ours to answer. */
  #answer(socket: BatchSocket, slot: number, start: number, end: number): boolean {
    const bindings = this.#bindings;
    const { sender } = this.#rounds;
    const { arena } = sender;
    const { bytes } = arena;
    if (bindings === undefined || socket.kind !== SOCKET_KIND.answering) return false;
    if (bytes[start] !== 0 || bytes[start + 1] !== METHOD.binding) return false;
    const port = arena.sourcePort(slot);
    if (port === 0) return false;
    const { family } = socket.address;
    const ipAt = arena.sourceStart(slot) + (family === 4 ? SOCKADDR.ipv4Address : SOCKADDR.ipv6Address);
    const length = quickBinding(bytes, start, end, bytes, start, family, port, bytes, ipAt);
    if (length === 0) return false;
    const isExempt = bindings.exemptLoopback && isLoopbackAt(bytes, ipAt, family);
    if (!isExempt && !bindings.limiter.takeBytes(bytes, ipAt, family, this.nowMs)) {
      add(this.#totals, TOTAL.bindingsLimited, 1);
      return true;
    }
    add(this.#totals, TOTAL.bindings, 1);
    sender.pushBack(socket, slot, start, length);
    return true;
  }

  /** False: it is not ours to judge. */
  #fromClient(clients: Map<number, Client[]>, slot: number, start: number, end: number): boolean {
    const { arena } = this.#rounds.sender;
    const onPort = clients.get(arena.sourcePort(slot));
    if (onPort === undefined) return false;
    for (const client of onPort) {
      if (!arena.isFrom(slot, client.address)) continue;
      return startsChannelData(arena.bytes[start] as number)
        ? this.#channelData(client, start, end)
        : this.#send(client, start, end);
    }
    return false;
  }

  #channelData({ flows }: Client, start: number, end: number): boolean {
    const { bytes } = this.#rounds.sender.arena;
    const dataStart = start + CHANNEL_DATA_HEADER_BYTES;
    if (dataStart > end) return false;
    const channel = bytes.readUInt16BE(start);
    const dataEnd = dataStart + bytes.readUInt16BE(start + 2);
    if (dataEnd > end) return false;
    for (const flow of flows)
      if (flow.channel === channel) return this.#isLive(flow) && this.#carryOut(flow, dataStart, dataEnd);
    return false;
  }

  #send({ flows }: Client, start: number, end: number): boolean {
    const message = this.#sendIndication;
    if (!message.read(start, end)) return false;
    for (const flow of flows)
      if (message.isTo(flow.target))
        return this.#isLive(flow) && this.#carryOut(flow, message.dataStart, message.dataEnd);
    return false;
  }

  /** Always true: what is over a limit is dropped here. */
  #carryOut(flow: Flow, start: number, end: number): true {
    const { at, inside } = flow;
    const bytes = end - start;
    if (!this.#take(flow, bytes, CELL.overLimitOut)) return true;
    add(this.#totals, TOTAL.sentPackets, 1);
    add(this.#totals, TOTAL.sentBytes, bytes);
    add(this.#cells, at + CELL.sentPackets, 1);
    add(this.#cells, at + CELL.sentBytes, bytes);
    this.#cells[at + CELL.lastSentMs] = this.nowMs;
    if (inside === undefined) this.#rounds.sender.push(flow.relay, flow.target, start, bytes);
    else this.#carryInside(flow, inside, start, end);
    return true;
  }

  #carryInside(flow: Flow, to: InsideEnd, start: number, end: number): void {
    const why = takeFromOwn(to.own, end - start, this.nowMs);
    if (why !== undefined) return void this.#dropOver(flow, why, CELL.overLimitThere);
    add(this.#totals, TOTAL.insidePackets, 1);
    this.#countReceived(flow, end - start);
    this.#deliver(to.socket, to.client, to.channel, to.source, start, end);
  }

  // ---- from a relay target

  #fromTarget(socket: BatchSocket, slot: number, start: number, end: number): boolean {
    const flows = this.#targets[socket.index];
    if (flows === undefined) return false;
    const { arena } = this.#rounds.sender;
    const port = arena.sourcePort(slot);
    for (const flow of flows) {
      if (flow.target.port !== port || !arena.isFrom(slot, flow.target)) continue;
      return this.#isLive(flow) && this.#carryBack(flow, start, end);
    }
    return false;
  }

  #carryBack(flow: Flow, start: number, end: number): true {
    if (!this.#take(flow, end - start, CELL.overLimitBack)) return true;
    this.#countReceived(flow, end - start);
    this.#deliver(flow.listener, flow.client, flow.channel, flow.target, start, end);
    return true;
  }

  #countReceived({ at }: Flow, bytes: number): void {
    add(this.#totals, TOTAL.receivedPackets, 1);
    add(this.#totals, TOTAL.receivedBytes, bytes);
    add(this.#cells, at + CELL.receivedPackets, 1);
    add(this.#cells, at + CELL.receivedBytes, bytes);
    this.#cells[at + CELL.lastReceivedMs] = this.nowMs;
  }

  /** The header is written before the data, where they lie. */
  #deliver(
    listener: BatchSocket,
    client: TransportAddress,
    channel: number,
    source: TransportAddress,
    start: number,
    end: number,
  ): void {
    const { sender } = this.#rounds;
    const { bytes } = sender.arena;
    if (channel !== NONE) {
      const at = start - CHANNEL_DATA_HEADER_BYTES;
      writeChannelDataHeader(bytes, at, channel, end - start);
      return sender.push(listener, client, at, end - at);
    }
    this.#indications = (this.#indications + 1) >>> 0;
    this.#transactionId.writeUInt32BE(this.#indications, TRANSACTION_ID_BYTES - 4);
    const at = start - dataIndicationHead(source);
    sender.push(
      listener,
      client,
      at,
      wrapInDataIndication(bytes, start, end, source, this.#transactionId) - at,
    );
  }

  // ---- limits

  #isLive({ at }: Flow): boolean {
    return (this.#cells[at + CELL.expiresAtMs] as number) > this.nowMs;
  }

  #take(flow: Flow, bytes: number, cell: number): boolean {
    const why = takeFrom(flow.buckets, bytes, this.nowMs);
    return why === undefined || this.#dropOver(flow, why, cell);
  }

  #dropOver({ at }: Flow, why: BandwidthDrop, cell: number): false {
    add(this.#totals, OVER_LIMIT[why], 1);
    add(this.#cells, at + cell, 1);
    return false;
  }
}

function flowsOfClient(clients: Map<number, Client[]>, address: TransportAddress): Flow[] {
  const onPort = clients.get(address.port) ?? [];
  if (onPort.length === 0) clients.set(address.port, onPort);
  let client = onPort.find((other) => sameTransportAddress(other.address, address));
  if (client === undefined) {
    client = { address, flows: [] };
    onPort.push(client);
  }
  return client.flows;
}

function forgetFlow(clients: Map<number, Client[]>, flow: Flow): void {
  const { port } = flow.client;
  const onPort = clients.get(port);
  const client = onPort?.find(({ flows }) => flows.includes(flow));
  if (onPort === undefined || client === undefined) return;
  client.flows.splice(client.flows.indexOf(flow), 1);
  if (client.flows.length > 0) return;
  onPort.splice(onPort.indexOf(client), 1);
  if (onPort.length === 0) clients.delete(port);
}

function add(counts: Float64Array, index: number, more: number): void {
  counts[index] = (counts[index] as number) + more;
}

/** Whether the address at bytes[at] is of 127.0.0.0/8, or ::1. */
function isLoopbackAt(bytes: Buffer, at: number, family: IpFamily): boolean {
  if (family === 4) return bytes[at] === 127;
  for (let i = 0; i < 15; i++) if (bytes[at + i] !== 0) return false;
  return bytes[at + 15] === 1;
}
