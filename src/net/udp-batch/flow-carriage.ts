/** The flows that threads carry for the relay: what each is told of them, and what each has counted. */

import { BUCKET_CELL_BYTES, BucketCells } from "../../turn/bucket-cells.ts";
import type {
  BindingRules,
  CarriedFlow,
  CarriedTotals,
  FlowCarrier,
  FlowCounts,
  FlowEnds,
} from "../../turn/flow-carrier.ts";
import { createSourceTable } from "../../turn/source-limiter.ts";
import type { BatchSocket } from "./batch-socket.ts";
import { areShared, encodeFlowOrder, type SocketReference } from "./flow-order.ts";
import { floatWords, NONE, ORDER } from "./records.ts";
import { allocateFlowCells, CELL, CELLS_PER_FLOW, TOTAL } from "./shared-memory.ts";
import type { UdpThread } from "./udp-thread.ts";

/** More than these are not carried, and pass all the same. Memory that is not used is not taken. */
const MAX_FLOWS = 1 << 16;
const MAX_BUCKETS = 1 << 15;

/** Of a link or a relay socket of this engine: the socket below it. */
export interface OverSocket {
  readonly socket: BatchSocket | undefined;
}

function openSocketBelow(object: object): BatchSocket | undefined {
  const { socket } = object as Partial<OverSocket>;
  return socket?.isOpen ? socket : undefined;
}

export class FlowCarriage implements FlowCarrier {
  readonly cells: Float64Array<SharedArrayBuffer>;
  readonly bucketMemory = new SharedArrayBuffer(MAX_BUCKETS * BUCKET_CELL_BYTES);
  readonly bucketCells = new BucketCells(this.bucketMemory);
  readonly sourceTable = createSourceTable();
  #bindingRules: BindingRules | undefined;
  readonly #threads: readonly UdpThread[];
  readonly #holes: number[] = [];
  #nextSlot = 0;
  /** By slot. */
  readonly #flows: (ThreadFlow | undefined)[] = [];
  /** How many flows use a socket, and what waits for the last one to end. */
  readonly #uses = new Map<BatchSocket, { count: number; whenUnused: (() => void) | undefined }>();

  constructor(threads: readonly UdpThread[]) {
    this.#threads = threads;
    this.cells = new Float64Array(allocateFlowCells(MAX_FLOWS));
  }

  carry(ends: FlowEnds): CarriedFlow | undefined {
    const { link, socket, target, channel, buckets, inside, expiresAtMs } = ends;
    const listener = openSocketBelow(link);
    const relay = openSocketBelow(socket);
    const insideSocket = inside && openSocketBelow(inside.link);
    if (listener === undefined || relay === undefined || (inside && insideSocket === undefined))
      return undefined;
    if (target.port === 0 || !areShared(buckets.own, buckets.room, buckets.total, inside?.buckets.own))
      return undefined;
    const slot = this.#holes.pop() ?? (this.#nextSlot < MAX_FLOWS ? this.#nextSlot++ : undefined);
    if (slot === undefined) return undefined;
    const at = slot * CELLS_PER_FLOW;
    this.cells.fill(0, at, at + CELLS_PER_FLOW);
    this.cells[at + CELL.expiresAtMs] = expiresAtMs;
    const order = encodeFlowOrder({
      slot,
      listener: referenceTo(listener),
      client: link.remote,
      channel: channel ?? NONE,
      relay: referenceTo(relay),
      target,
      buckets,
      inside: inside && {
        socket: referenceTo(insideSocket as BatchSocket),
        client: inside.link.remote,
        channel: inside.channel ?? NONE,
        source: inside.source,
        own: inside.buckets.own,
      },
    });
    const threads = new Set(inside ? [listener.thread] : [listener.thread, relay.thread]);
    const sockets = [listener, relay, ...(insideSocket === undefined ? [] : [insideSocket])];
    const flow = new ThreadFlow(this, slot, threads, sockets);
    this.#flows[slot] = flow;
    for (const used of sockets) this.#use(used);
    for (const thread of threads) this.#threads[thread]?.order(order);
    return flow;
  }

  answerBindings(rules: BindingRules): void {
    this.#bindingRules = rules;
    for (const index of this.#threads.keys()) this.tellAgain(index);
  }

  /** What a thread must know before it reads. */
  tellAgain(thread: number): void {
    if (this.#bindingRules === undefined) return;
    const { burst, perSecond, exemptLoopback } = this.#bindingRules;
    const words = [...floatWords(burst), ...floatWords(perSecond), exemptLoopback ? 1 : 0];
    this.#threads[thread]?.order([ORDER.answerBindings, ...words]);
  }

  totals(): CarriedTotals {
    const sum = (total: number) =>
      this.#threads.reduce((all, { totals }) => all + (totals[total] as number), 0);
    return {
      sentPackets: sum(TOTAL.sentPackets),
      sentBytes: sum(TOTAL.sentBytes),
      receivedPackets: sum(TOTAL.receivedPackets),
      receivedBytes: sum(TOTAL.receivedBytes),
      insidePackets: sum(TOTAL.insidePackets),
      bindings: sum(TOTAL.bindings),
      drops: {
        "allocation-bandwidth": sum(TOTAL.overAllocationLimit),
        "room-bandwidth": sum(TOTAL.overRoomLimit),
        "total-bandwidth": sum(TOTAL.overTotalLimit),
        "rate-limited": sum(TOTAL.bindingsLimited),
        overloaded: sum(TOTAL.overloaded),
      },
    };
  }

  /** At once where no flow uses the socket, else when the last one has ended. */
  whenUnused(socket: BatchSocket, done: () => void): void {
    const use = this.#uses.get(socket);
    if (use === undefined) done();
    else use.whenUnused = done;
  }

  isUsed(socket: BatchSocket): boolean {
    return this.#uses.has(socket);
  }

  /** The relay has ended it: its threads hear of it. Idempotent. */
  end(flow: ThreadFlow): void {
    if (flow.isOver) return;
    flow.isOver = true;
    this.cells[flow.slot * CELLS_PER_FLOW + CELL.expiresAtMs] = 0;
    for (const thread of flow.owing) this.#threads[thread]?.order([ORDER.closeFlow, flow.slot]);
  }

  /** A thread writes no more to the cells of this slot. */
  closed(slot: number, thread: number): void {
    const flow = this.#flows[slot];
    if (flow?.owing.delete(thread) && flow.owing.size === 0) this.#forget(flow);
  }

  /** The thread has ended: what it carried is the relay's again. */
  lose(thread: number): void {
    for (const flow of this.#flows) {
      if (!flow?.owing.delete(thread)) continue;
      this.end(flow);
      if (flow.owing.size === 0) this.#forget(flow);
    }
  }

  #use(socket: BatchSocket): void {
    const use = this.#uses.get(socket);
    if (use === undefined) this.#uses.set(socket, { count: 1, whenUnused: undefined });
    else use.count++;
  }

  #forget(flow: ThreadFlow): void {
    this.#flows[flow.slot] = undefined;
    flow.settle();
    this.#holes.push(flow.slot);
    for (const socket of flow.sockets) {
      const use = this.#uses.get(socket);
      if (use === undefined || --use.count > 0) continue;
      this.#uses.delete(socket);
      use.whenUnused?.();
    }
  }
}

class ThreadFlow implements CarriedFlow {
  readonly slot: number;
  readonly sockets: readonly BatchSocket[];
  /** The threads that carry it, and have not said that they do no more. */
  readonly owing: Set<number>;
  isOver = false;
  readonly #carriage: FlowCarriage;
  #settled: FlowCounts | undefined;
  #whenSettled: (() => void) | undefined;

  constructor(
    carriage: FlowCarriage,
    slot: number,
    threads: ReadonlySet<number>,
    sockets: readonly BatchSocket[],
  ) {
    this.#carriage = carriage;
    this.slot = slot;
    this.owing = new Set(threads);
    this.sockets = sockets;
  }

  extend(expiresAtMs: number): void {
    if (!this.isOver) this.#carriage.cells[this.slot * CELLS_PER_FLOW + CELL.expiresAtMs] = expiresAtMs;
  }

  counts(): FlowCounts {
    return this.#settled ?? this.#read();
  }

  end(settled?: () => void): void {
    if (this.#settled === undefined) this.#whenSettled ??= settled;
    this.#carriage.end(this);
  }

  /** Its cells are another one's from now on. */
  settle(): void {
    this.#settled = this.#read();
    this.#whenSettled?.();
  }

  #read(): FlowCounts {
    const at = this.slot * CELLS_PER_FLOW;
    const cell = (index: number) => this.#carriage.cells[at + index] as number;
    return {
      sentPackets: cell(CELL.sentPackets),
      sentBytes: cell(CELL.sentBytes),
      lastSentMs: cell(CELL.lastSentMs),
      receivedPackets: cell(CELL.receivedPackets),
      receivedBytes: cell(CELL.receivedBytes),
      lastReceivedMs: cell(CELL.lastReceivedMs),
      overLimitPackets: cell(CELL.overLimitOut) + cell(CELL.overLimitBack),
      overLimitThere: cell(CELL.overLimitThere),
    };
  }
}

function referenceTo({ index, descriptor, address }: BatchSocket): SocketReference {
  return { index, descriptor, family: address.family };
}
