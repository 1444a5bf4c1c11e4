/** Rounds of one thread: each reads what is ready, hands every packet to `handle`, and sends what came of it. */

import type { IcmpError } from "../../turn/ports.ts";
import { EVENT_SLOTS, MAX_DATAGRAM, RECEIVE_SLOTS } from "./arena.ts";
import type { BatchSocket } from "./batch-socket.ts";
import { ErrorQueue } from "./error-queue.ts";
import { EPOLLERR, MSG_DONTWAIT } from "./layout.ts";
import type { Libc } from "./libc.ts";
import { WAKE } from "./poll.ts";
import { EINTR, errorName } from "./send-errors.ts";
import type { Sender } from "./sender.ts";

/** Of one socket in one round, so that no socket keeps the others waiting. */
const MAX_PER_SOCKET = 64;
/** A socket that is full again within this time has more than a stream of voice. */
const BUSY_SOCKET_MS = 15;
/** With fewer slots left the round sends first, and has them all. */
const FEW_SLOTS = 32;
/** Rounds in a row that find nothing where there should be something. */
const MAX_FRUITLESS = 16;

export interface RoundHandlers {
  /** Before the packets of a round that was woken. */
  begin(nowMs: number): void;
  /** The packet of a slot: arena[start, end). */
  packet(socket: BatchSocket, slot: number, start: number, end: number): void;
  icmp(socket: BatchSocket, error: IcmpError): void;
  /** A handler threw, or the system cannot be waited for. */
  failed(error: unknown): void;
}

export class Rounds {
  readonly sender: Sender;
  readonly #libc: Libc;
  readonly #epoll: number;
  readonly #handlers: RoundHandlers;
  readonly #errorQueue: ErrorQueue;
  readonly #sockets: (BatchSocket | undefined)[] = [];
  readonly #ready = new Uint32Array(EVENT_SLOTS);
  readonly #hasErrors = new Uint8Array(EVENT_SLOTS);
  #nextSlot = 0;
  /** Of this round. */
  #nowMs = 0;
  /** Rounds in a row that were woken for nothing. */
  #fruitless = 0;

  constructor(libc: Libc, epoll: number, sender: Sender, handlers: RoundHandlers) {
    this.#libc = libc;
    this.#epoll = epoll;
    this.sender = sender;
    this.#handlers = handlers;
    this.#errorQueue = new ErrorQueue(libc, sender.arena);
  }

  /** The socket whose descriptor is registered with `socket.index`. */
  add(socket: BatchSocket): void {
    this.#sockets[socket.index] = socket;
  }

  at(index: number): BatchSocket | undefined {
    return this.#sockets[index];
  }

  remove(socket: BatchSocket): void {
    this.#sockets[socket.index] = undefined;
  }

  /** A system that says again and again that there is something, or that it cannot say: the caller must rest. */
  get isFruitless(): boolean {
    return this.#fruitless >= MAX_FRUITLESS;
  }

  /** Waits for so long at most. Returns how many packets it read. */
  round(timeoutMs: number): number {
    const { arena } = this.sender;
    const count = this.#libc.epollWait(this.#epoll, arena.events, EVENT_SLOTS, timeoutMs);
    const errno = count < 0 ? this.#libc.errno() : 0;
    for (let i = 0; i < count; i++) {
      this.#ready[i] = arena.eventData(i);
      this.#hasErrors[i] = arena.eventFlags(i) & EPOLLERR;
    }
    this.#nowMs = performance.now();
    this.#handlers.begin(this.#nowMs);
    let packets = 0;
    let found = 0;
    for (let i = 0; i < count; i++) {
      const index = this.#ready[i] as number;
      if (index === WAKE) found++;
      const socket = this.#sockets[index];
      if (socket === undefined) continue;
      if (this.#hasErrors[i] !== 0) found += this.#readErrors(socket);
      packets += this.#read(socket);
    }
    this.#countFruitless(count, errno, found + packets);
    this.sender.flush();
    this.#nextSlot = 0;
    return packets;
  }

  /** A signal that ends a wait is no failure. */
  #countFruitless(events: number, errno: number, found: number): void {
    if (errno === EINTR) return;
    this.#fruitless = events === 0 || found > 0 ? 0 : this.#fruitless + 1;
    if (events < 0 && this.#fruitless === MAX_FRUITLESS)
      this.#handlers.failed(new Error(`epoll_wait: ${errorName(errno)}`));
  }

  /** Without this the socket would be ready for ever. Reading from it then takes what the system keeps beside the queue. */
  #readErrors(socket: BatchSocket): number {
    return this.#errorQueue.drain(socket, (error) => {
      try {
        this.#handlers.icmp(socket, error);
      } catch (defect) {
        this.#handlers.failed(defect);
      }
    });
  }

  #read(socket: BatchSocket): number {
    const { arena } = this.sender;
    if (RECEIVE_SLOTS - this.#nextSlot < FEW_SLOTS) {
      this.sender.flush();
      this.#nextSlot = 0;
    }
    const first = this.#nextSlot;
    const asked = Math.min(socket.patience, RECEIVE_SLOTS - first);
    // Nothing there after all, or word of an ICMP error: the next round tells.
    const count = asked === 1 ? this.#receiveOne(socket, first) : this.#receiveMany(socket, first, asked);
    this.#adapt(socket, asked, count);
    for (let slot = first; slot < first + count; slot++) {
      this.#nextSlot++;
      // The packets before it may have closed the socket.
      if (this.#sockets[socket.index] === socket) this.#hand(socket, slot);
      arena.renewHeader(slot);
    }
    return Math.max(0, count);
  }

  #receiveMany(socket: BatchSocket, first: number, asked: number): number {
    const headers = this.sender.arena.receiveHeaders(first, asked);
    return this.#libc.recvmmsg(socket.descriptor, headers, asked, MSG_DONTWAIT, 0);
  }

  /** With fewer structures for the system to read and write. */
  #receiveOne(socket: BatchSocket, slot: number): number {
    const { arena } = this.sender;
    const { descriptor } = socket;
    const length = this.#libc.recvfrom(
      descriptor,
      arena.packetAddress(slot),
      MAX_DATAGRAM,
      MSG_DONTWAIT,
      arena.sourceAddress(slot),
      arena.sourceLengthAddress(slot),
    );
    if (length < 0) return length;
    arena.writeReceivedLength(slot, length);
    return 1;
  }

  /** Asks for more of a socket that is full again and again, and for no more than there was of one that is not. */
  #adapt(socket: BatchSocket, asked: number, count: number): void {
    if (count < asked) socket.patience = Math.max(1, count);
    else if (this.#nowMs - socket.lastReadMs < BUSY_SOCKET_MS)
      socket.patience = Math.min(MAX_PER_SOCKET, asked * 2);
    socket.lastReadMs = this.#nowMs;
  }

  #hand(socket: BatchSocket, slot: number): void {
    const { arena } = this.sender;
    const start = arena.packetStart(slot);
    try {
      this.#handlers.packet(socket, slot, start, start + arena.receivedLength(slot));
    } catch (error) {
      this.#handlers.failed(error);
    }
  }
}
