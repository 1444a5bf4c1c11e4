/**
 * Batched UDP on Linux: many packets per system call. Threads read the sockets (`worker.ts`), and carry by themselves what the relay has
 * judged; what they may not judge comes here, packet by packet, to the socket's receiver. What the relay sends itself leaves from here,
 * at the end of each turn.
 *
 *   thread: epoll_wait ─► recvmmsg ─┬─ a flow ─► sendmmsg
 *                                   └─ none ──► report ─► receiver ─► sendmmsg        the relay's thread
 */

import type { TransportAddress } from "../../stun/address.ts";
import type { MonotonicClock } from "../../turn/ports.ts";
import { type Arena, RECEIVE_SLOTS } from "./arena.ts";
import { BatchSocket, type BatchSocketOptions, type PacketReceiver } from "./batch-socket.ts";
import { withPortOf } from "./error-queue.ts";
import { FlowCarriage } from "./flow-carriage.ts";
import { canForbidFragments } from "./fragmentation.ts";
import { EFD_NONBLOCK_CLOEXEC } from "./layout.ts";
import type { Libc } from "./libc.ts";
import {
  NAME_WORDS,
  ORDER,
  PACKET_HEAD_WORDS,
  REPORT,
  readAddress,
  SOCKET_KIND,
  type SocketKind,
} from "./records.ts";
import { errorName, MAX_ERRNO, SendErrors, sendErrorsByName } from "./send-errors.ts";
import { Sender } from "./sender.ts";
import { UdpThread } from "./udp-thread.ts";

/** How long reports are read before the event loop has its turn. */
const MAX_BUSY_MS = 2;
/** How often the clock is looked at meanwhile. */
const REPORTS_PER_LOOK = 32;

export interface OpenOptions extends BatchSocketOptions {
  /** Which thread reads it. Default: the one whose report is being read, or each in turn. */
  readonly thread?: number;
  readonly kind?: SocketKind;
}

export class BatchEngine {
  readonly arena: Arena;
  readonly threads: readonly UdpThread[];
  /** What the threads carry by themselves. */
  readonly flows: FlowCarriage;
  /** Whether a packet may be sent so that it is not cut in pieces on its way. */
  readonly supportsDontFragment: boolean;
  readonly #libc: Libc;
  readonly #failed: (error: unknown) => void;
  readonly #clock: MonotonicClock;
  readonly #sender: Sender;
  readonly #sendErrors = new Float64Array(MAX_ERRNO);
  /** By index; what is closed leaves a hole for the next one. */
  readonly #sockets: (BatchSocket | undefined)[] = [];
  readonly #holes: number[] = [];
  /** By index: those that are closed, and whose descriptors threads may still name. */
  readonly #closing = new Map<number, BatchSocket>();
  /** What such a descriptor stands for: no socket. */
  readonly #nothing: number;
  #nextSlot = 0;
  #nextThread = 0;
  /** Whose report is being read. */
  #reading: number | undefined;
  #isFlushDue = false;
  #done: Promise<void> | undefined;

  /** Throws where the process has no descriptors left. `failed` hears of receivers that throw, and of threads that end; `clock` is the relay's. */
  constructor(
    libc: Libc,
    failed: (error: unknown) => void,
    threads = 1,
    clock: MonotonicClock = () => performance.now(),
  ) {
    this.#libc = libc;
    this.#failed = failed;
    this.#clock = clock;
    this.#sender = new Sender(libc, new SendErrors(this.#sendErrors));
    this.arena = this.#sender.arena;
    this.supportsDontFragment = canForbidFragments(libc, this.arena);
    const opened: UdpThread[] = [];
    this.threads = opened;
    this.flows = new FlowCarriage(opened);
    this.#nothing = libc.eventfd(0, EFD_NONBLOCK_CLOEXEC);
    if (this.#nothing < 0) throw new Error(`eventfd: ${errorName(libc.errno())}`);
    try {
      for (let i = 0; i < threads; i++) opened.push(this.#startThread(i));
    } catch (error) {
      void this.close();
      throw error;
    }
  }

  #startThread(index: number): UdpThread {
    return new UdpThread({
      libc: this.#libc,
      arena: this.arena,
      flowCells: this.flows.cells.buffer,
      bucketCells: this.flows.bucketMemory,
      sourceTable: this.flows.sourceTable,
      clock: this.#clock,
      reported: () => this.#read(index),
      replaced: () => this.#tellAgain(index),
      failed: this.#failed,
    });
  }

  /** Resolves when every thread runs; rejects where none can be had. */
  async ready(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.ready));
  }

  /** Packets that the system did not take, by the error's name. */
  get sendErrors(): ReadonlyMap<string, number> {
    return sendErrorsByName(this.#sendErrors, ...this.threads.map((thread) => thread.sendErrors));
  }

  /** Throws as `BatchSocket.bind` does. */
  open(wanted: TransportAddress, receiver: PacketReceiver, options: OpenOptions = {}): BatchSocket {
    const socket = BatchSocket.bind(this.#libc, this.arena, wanted, receiver, options);
    socket.thread = options.thread ?? this.#reading ?? this.#nextThread++ % this.threads.length;
    socket.kind = SOCKET_KIND[options.kind ?? "relay"];
    socket.index = this.#holes.pop() ?? this.#sockets.length;
    this.#sockets[socket.index] = socket;
    try {
      this.#orderOpen(socket);
      this.#threadOf(socket).poll.add(socket.descriptor, socket.index);
    } catch (error) {
      this.closeSocket(socket);
      throw error;
    }
    return socket;
  }

  /**
   * Its port is free when this returns; what it was given to send leaves first. The descriptor is nobody else's until no thread can name
   * it any more: meanwhile it stands for something that neither sends nor receives. Idempotent.
   */
  closeSocket(socket: BatchSocket): void {
    if (this.#sockets[socket.index] !== socket) return;
    this.#sender.flush();
    this.#sockets[socket.index] = undefined;
    socket.isOpen = false;
    const thread = this.#threadOf(socket);
    // With the socket itself its place in the thread's poll is gone.
    this.#libc.dup2(this.#nothing, socket.descriptor);
    this.#closing.set(socket.index, socket);
    this.flows.whenUnused(socket, () => thread.order([ORDER.closeSocket, socket.index]));
  }

  /** Sends data[start, end) at the end of the turn. Bytes outside of the arena are copied. */
  send(
    socket: BatchSocket,
    to: TransportAddress,
    data: Uint8Array,
    start: number,
    end: number,
    dontFragment = false,
  ): void {
    this.push(socket, to, this.place(data, start, end), end - start, dontFragment);
  }

  /** Where data[start, end) lies in the arena, with a few bytes before it that may be written; for `push`, at once. */
  place(data: Uint8Array, start: number, end: number): number {
    return this.#sender.place(data, start, end);
  }

  /** Sends arena[at, at + length) at the end of the turn. */
  push(socket: BatchSocket, to: TransportAddress, at: number, length: number, dontFragment = false): void {
    if (this.#sockets[socket.index] !== socket) return;
    this.#sender.push(socket, to, at, length, dontFragment);
    if (this.#reading === undefined) this.#flushSoon();
  }

  /** Closes every socket. Resolves when no thread reads any more. Idempotent. */
  close(): Promise<void> {
    this.#done ??= this.#close();
    return this.#done;
  }

  async #close(): Promise<void> {
    this.#sender.flush();
    await Promise.all(this.threads.map((thread) => thread.close()));
    for (const socket of [...this.#sockets, ...this.#closing.values()])
      if (socket !== undefined) this.#libc.close(socket.descriptor);
    this.#sockets.length = 0;
    this.#closing.clear();
    this.#libc.close(this.#nothing);
  }

  #threadOf({ thread }: BatchSocket): UdpThread {
    return this.threads[thread] as UdpThread;
  }

  #orderOpen(socket: BatchSocket): void {
    const { index, descriptor, address, kind } = socket;
    this.#threadOf(socket).order([ORDER.openSocket, index, descriptor, kind, address.family]);
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(this.#flushNow);
  }

  readonly #flushNow = (): void => {
    this.#isFlushDue = false;
    if (this.#done === undefined) this.#sender.flush();
  };

  // ---- reports

  /** With a turn of the event loop in between where there are many. */
  #read(index: number): void {
    if (this.#done !== undefined) return;
    const thread = this.threads[index] as UdpThread;
    const { reports } = thread;
    const startedMs = performance.now();
    thread.beginReading();
    this.#reading = index;
    let isOver = false;
    for (let count = 1; !isOver; count++) {
      const at = reports.peek();
      if (at < 0) break;
      try {
        this.#take(reports.words, reports.bytes, at);
      } catch (error) {
        this.#failed(error);
      }
      reports.release();
      isOver = count % REPORTS_PER_LOOK === 0 && performance.now() - startedMs >= MAX_BUSY_MS;
    }
    this.#reading = undefined;
    this.#sender.flush();
    this.#nextSlot = 0;
    if (isOver) setImmediate(() => this.#read(index));
  }

  #take(words: Int32Array, bytes: Buffer, at: number): void {
    const index = words[at + 1] as number;
    switch (words[at]) {
      case REPORT.packet: {
        const socket = this.#sockets[index];
        if (socket !== undefined) this.#hand(socket, words, bytes, at);
        break;
      }
      case REPORT.icmp: {
        const [type, code, mtu] = [words[at + 2], words[at + 3], words[at + 4]] as [number, number, number];
        const socket = this.#sockets[index];
        const target = socket && withPortOf(socket, readAddress(words, at + 5));
        if (target !== undefined) socket?.onIcmp?.({ type, code, mtu: mtu >>> 0, target });
        break;
      }
      case REPORT.socketClosed:
        this.#closed(index);
        break;
      case REPORT.flowClosed:
        this.flows.closed(index, this.#reading as number);
        break;
      default:
        throw new Error(`a report of a kind that is not known: ${words[at]}`);
    }
  }

  /** As if the packet had been received here. */
  #hand(socket: BatchSocket, words: Int32Array, bytes: Buffer, at: number): void {
    if (this.#nextSlot === RECEIVE_SLOTS) {
      this.#sender.flush();
      this.#nextSlot = 0;
    }
    const slot = this.#nextSlot++;
    const length = words[at + PACKET_HEAD_WORDS - 1] as number;
    const nameAt = (at + PACKET_HEAD_WORDS - 1 - NAME_WORDS) * 4;
    this.arena.writeReceived(slot, bytes, nameAt, (at + PACKET_HEAD_WORDS) * 4, length);
    const start = this.arena.packetStart(slot);
    socket.receiver(slot, start, start + length);
  }

  #closed(index: number): void {
    const socket = this.#closing.get(index);
    if (socket === undefined) return;
    this.#closing.delete(index);
    this.#libc.close(socket.descriptor);
    this.#holes.push(index);
  }

  /**
   * Another thread takes the place of one that has ended: it knows nothing yet. What the old one was told to close is named by nobody
   * now; what flows of other threads still use, the new one is told to close when they have ended.
   */
  #tellAgain(index: number): void {
    for (const socket of [...this.#closing.values()])
      if (socket.thread === index && !this.flows.isUsed(socket)) this.#closed(socket.index);
    this.flows.lose(index);
    this.flows.tellAgain(index);
    for (const socket of this.#sockets) if (socket?.thread === index) this.#orderOpen(socket);
  }
}
