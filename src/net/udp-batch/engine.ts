/**
 * Batched UDP on Linux: many packets per system call. One round reads what is ready, hands each packet to its receiver, and sends
 * what came of it. While nothing comes, a thread of the pool waits in `epoll_wait`; under load the event loop asks itself.
 */

import type { TransportAddress } from "../../stun/address.ts";
import { Arena, EVENT_SLOTS, MAX_DATAGRAM, RECEIVE_SLOTS } from "./arena.ts";
import { BatchSocket, type BatchSocketOptions, type PacketReceiver } from "./batch-socket.ts";
import { ErrorQueue } from "./error-queue.ts";
import { canForbidFragments } from "./fragmentation.ts";
import { GATHER_MICROSECONDS, GatherDelay } from "./gather-delay.ts";
import {
  EFD_NONBLOCK_CLOEXEC,
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLLERR,
  EPOLLIN,
  MSG_DONTWAIT,
} from "./layout.ts";
import type { Libc } from "./libc.ts";
import { errorName, SendErrors } from "./send-errors.ts";
import { SendQueue } from "./send-queue.ts";

/** Of one socket in one round, so that no socket keeps the others waiting. */
const MAX_PER_SOCKET = 64;
/** A socket that is full again within this time has more than a stream of voice. */
const BUSY_SOCKET_MS = 15;
/** With fewer slots left the round sends first, and has them all. */
const FEW_SLOTS = 32;
/** How long rounds go on before the event loop has its turn. */
const MAX_BUSY_MS = 2;
/** A wait is no longer than this: a process that exits joins the thread that waits. */
const MAX_WAIT_MS = 1000;
/** Rounds in a row that find nothing where there should be something, and how long it rests after them. */
const MAX_FRUITLESS = 16;
const REST_MS = 20;
/** What the descriptor that ends a wait is registered with. */
const WAKE = 0xffff_ffff;

type State = "running" | "closing" | "closed";

export class BatchEngine {
  readonly arena: Arena;
  readonly errors = new SendErrors();
  /** Whether a packet may be sent so that it is not cut in pieces on its way. */
  readonly supportsDontFragment: boolean;
  readonly #libc: Libc;
  readonly #failed: (error: unknown) => void;
  readonly #queue: SendQueue;
  readonly #errorQueue: ErrorQueue;
  readonly #gather = new GatherDelay();
  readonly #epoll: number;
  readonly #wake: number;
  /** By index; what is closed leaves a hole for the next one. */
  readonly #sockets: (BatchSocket | undefined)[] = [];
  readonly #holes: number[] = [];
  readonly #ready = new Uint32Array(EVENT_SLOTS);
  readonly #hasErrors = new Uint8Array(EVENT_SLOTS);
  #nextSlot = 0;
  /** When the last rounds ended. */
  #leftMs = 0;
  /** Of this round. */
  #nowMs = 0;
  #isInRound = false;
  #isFlushDue = false;
  /** Rounds in a row that were woken for nothing. */
  #fruitless = 0;
  #state: State = "running";
  #ended: () => void = () => undefined;
  readonly #done: Promise<void>;

  /** Throws where the process has no descriptors left. `failed` hears of receivers that throw. */
  constructor(libc: Libc, failed: (error: unknown) => void) {
    this.#libc = libc;
    this.#failed = failed;
    this.arena = new Arena(libc);
    this.supportsDontFragment = canForbidFragments(libc, this.arena);
    this.#queue = new SendQueue(libc, this.arena, this.errors);
    this.#errorQueue = new ErrorQueue(libc, this.arena);
    this.#epoll = checked(libc, libc.epollCreate(EPOLL_CLOEXEC), "epoll_create1");
    this.#wake = libc.eventfd(0, EFD_NONBLOCK_CLOEXEC);
    try {
      checked(libc, this.#wake, "eventfd");
      this.#register(this.#wake, WAKE);
    } catch (error) {
      if (this.#wake >= 0) libc.close(this.#wake);
      libc.close(this.#epoll);
      throw error;
    }
    this.#done = new Promise((resolve) => {
      this.#ended = resolve;
    });
    this.#wait();
  }

  /** Throws as `BatchSocket.bind` does. */
  open(wanted: TransportAddress, receiver: PacketReceiver, options?: BatchSocketOptions): BatchSocket {
    const socket = BatchSocket.bind(this.#libc, this.arena, wanted, receiver, options);
    socket.index = this.#holes.pop() ?? this.#sockets.length;
    this.#sockets[socket.index] = socket;
    try {
      this.#register(socket.descriptor, socket.index);
    } catch (error) {
      this.closeSocket(socket);
      throw error;
    }
    return socket;
  }

  /** Idempotent. What it was given to send leaves first. */
  closeSocket(socket: BatchSocket): void {
    if (this.#sockets[socket.index] !== socket) return;
    this.#queue.flush();
    this.#sockets[socket.index] = undefined;
    this.#holes.push(socket.index);
    this.#libc.close(socket.descriptor);
  }

  /** Sends data[start, end) at the end of the round. Bytes outside of the arena are copied. */
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
    if (!this.#queue.hasRoom) this.#queue.flush();
    const at = this.arena.place(data, start, end);
    if (at !== undefined) return at;
    this.#queue.flush();
    const again = this.arena.place(data, start, end);
    if (again === undefined) throw new RangeError(`no packet has ${end - start} bytes`);
    return again;
  }

  /** Sends arena[at, at + length) at the end of the round. */
  push(socket: BatchSocket, to: TransportAddress, at: number, length: number, dontFragment = false): void {
    this.#queue.push(socket, to, at, length, dontFragment);
    if (!this.#isInRound) this.#flushSoon();
  }

  /** Closes every socket. Resolves when no thread waits any more. Idempotent. */
  close(): Promise<void> {
    if (this.#state === "running") {
      this.#state = "closing";
      for (const socket of this.#sockets) if (socket !== undefined) this.closeSocket(socket);
      this.#libc.write(this.#wake, this.arena.one, 8);
    }
    return this.#done;
  }

  #register(descriptor: number, data: number): void {
    const event = this.arena.writeRegistration(EPOLLIN, data);
    checked(this.#libc, this.#libc.epollControl(this.#epoll, EPOLL_CTL_ADD, descriptor, event), "epoll_ctl");
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(this.#flushNow);
  }

  readonly #flushNow = (): void => {
    this.#isFlushDue = false;
    this.#queue.flush();
  };

  // ---- rounds

  #wait(): void {
    if (this.#fruitless >= MAX_FRUITLESS) return void setTimeout(this.#run, REST_MS);
    this.#libc.epollWaitLater(this.#epoll, this.arena.events, EVENT_SLOTS, MAX_WAIT_MS, this.#run);
  }

  /**
   * Rounds as long as there is something to do, or something gathers, with a turn of the event loop in between; where that turn was long,
   * packets have gathered, and others need the thread.
   */
  readonly #run = (): void => {
    if (this.#state !== "running") return this.#end();
    const startedMs = performance.now();
    const othersAreBusy = startedMs - this.#leftMs >= GATHER_MICROSECONDS / 1000;
    for (;;) {
      this.#gather.count(this.#round());
      const nowMs = performance.now();
      const pace = this.#gather.pace(nowMs);
      if (pace === "wait") return this.#wait();
      const isOver = nowMs - startedMs >= MAX_BUSY_MS;
      if (isOver || (pace === "gather" && othersAreBusy)) {
        this.#leftMs = nowMs;
        return void setImmediate(this.#run);
      }
      if (pace === "gather") this.#libc.usleep(GATHER_MICROSECONDS);
    }
  };

  /** How many packets it read. */
  #round(): number {
    const count = this.#libc.epollWait(this.#epoll, this.arena.events, EVENT_SLOTS, 0);
    // A socket that is registered meanwhile does not touch these.
    for (let i = 0; i < count; i++) {
      this.#ready[i] = this.arena.eventData(i);
      this.#hasErrors[i] = this.arena.eventFlags(i) & EPOLLERR;
    }
    this.#isInRound = true;
    this.#nowMs = performance.now();
    let packets = 0;
    let found = 0;
    for (let i = 0; i < count; i++) {
      const socket = this.#sockets[this.#ready[i] as number];
      if (socket === undefined) continue;
      if (this.#hasErrors[i] !== 0) found += this.#readErrors(socket);
      packets += this.#read(socket);
    }
    this.#countFruitless(count, found + packets);
    this.#isInRound = false;
    this.#queue.flush();
    this.#nextSlot = 0;
    return packets;
  }

  /** A system that says again and again that there is something, or that it cannot say, must not keep the processor. */
  #countFruitless(events: number, found: number): void {
    this.#fruitless = events === 0 || found > 0 ? 0 : this.#fruitless + 1;
    if (events < 0 && this.#fruitless === MAX_FRUITLESS)
      this.#failed(new Error(`epoll_wait: ${errorName(this.#libc.errno())}`));
  }

  /** Without this the socket would be ready for ever. Reading from it then takes what the system keeps beside the queue. */
  #readErrors(socket: BatchSocket): number {
    return this.#errorQueue.drain(socket, (error) => {
      try {
        socket.onIcmp?.(error);
      } catch (defect) {
        this.#failed(defect);
      }
    });
  }

  #read(socket: BatchSocket): number {
    if (RECEIVE_SLOTS - this.#nextSlot < FEW_SLOTS) {
      this.#queue.flush();
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
      this.arena.renewHeader(slot);
    }
    return Math.max(0, count);
  }

  #receiveMany(socket: BatchSocket, first: number, asked: number): number {
    const headers = this.arena.receiveHeaders(first, asked);
    return this.#libc.recvmmsg(socket.descriptor, headers, asked, MSG_DONTWAIT, 0);
  }

  /** With fewer structures for the system to read and write. */
  #receiveOne(socket: BatchSocket, slot: number): number {
    const { arena } = this;
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
    const start = this.arena.packetStart(slot);
    try {
      socket.receiver(slot, start, start + this.arena.receivedLength(slot));
    } catch (error) {
      this.#failed(error);
    }
  }

  #end(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#libc.close(this.#wake);
    this.#libc.close(this.#epoll);
    this.#ended();
  }
}

function checked(libc: Libc, result: number, call: string): number {
  if (result < 0) throw new Error(`${call}: ${errorName(libc.errno())}`);
  return result;
}
