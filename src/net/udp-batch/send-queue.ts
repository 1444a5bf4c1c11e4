/** Packets that wait to leave, until the round of receiving is over: those of one socket go out in one system call. */

import type { TransportAddress } from "../../stun/address.ts";
import { type Arena, SEND_SLOTS } from "./arena.ts";
import type { BatchSocket } from "./batch-socket.ts";
import { allowFragments, forbidFragments } from "./fragmentation.ts";
import { MSG_DONTWAIT, SOCKADDR } from "./layout.ts";
import type { Libc } from "./libc.ts";
import { EINTR, EINVAL, EIO, EMSGSIZE, type SendErrors, TOLD_OF_ANOTHER } from "./send-errors.ts";

/** UDP_MAX_SEGMENTS of the kernels that are about. */
const MAX_SEGMENTS = 64;
/** One IP datagram's worth, however it is cut. */
const MAX_JOINED_BYTES = 65_000;
/** A larger datagram may be fragmented on its way, which segments may not. */
const MAX_SEGMENT_BYTES = 1_452;
/** Of one socket, until it has been told of them: more than it may be told of at once. */
const MAX_TOO_LARGE = 16;
/** What a socket may be told of packets before this one until it is taken for this one's own error. */
export const MAX_TOLD = 4;

export class SendQueue {
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #errors: SendErrors;
  readonly #sockets: (BatchSocket | undefined)[] = new Array(SEND_SLOTS).fill(undefined);
  readonly #destinations: (TransportAddress | undefined)[] = new Array(SEND_SLOTS).fill(undefined);
  readonly #starts = new Int32Array(SEND_SLOTS);
  readonly #lengths = new Int32Array(SEND_SLOTS);
  /** Whether the packet may not be cut in pieces on its way. */
  readonly #dontFragment: boolean[] = new Array(SEND_SLOTS).fill(false);
  /** Of the headers that are being built: their first slot. */
  readonly #firstSlots = new Int32Array(SEND_SLOTS);
  readonly #counts = new Int32Array(SEND_SLOTS);
  /** Where datagrams cannot go joined: the way there carries less than one of them is long. */
  readonly #narrow = new WeakSet<TransportAddress>();
  #size = 0;
  /** Errors of packets before it, for the packet that is being sent. */
  #told = 0;

  constructor(libc: Libc, arena: Arena, errors: SendErrors) {
    this.#libc = libc;
    this.#arena = arena;
    this.#errors = errors;
  }

  get hasRoom(): boolean {
    return this.#size < SEND_SLOTS;
  }

  /** `start` is an offset of the arena; what lies there must stay until `flush`. Only while it has room. */
  push(socket: BatchSocket, to: TransportAddress, start: number, length: number, dontFragment = false): void {
    const slot = this.#size++;
    this.#dontFragment[slot] = dontFragment;
    this.#sockets[slot] = socket;
    this.#destinations[slot] = to;
    this.#starts[slot] = start;
    this.#lengths[slot] = length;
    this.#arena.writeSent(slot, to, start, length);
  }

  /** As `push`, to whoever sent the packet of a slot that was received; without an object. */
  pushBack(socket: BatchSocket, receivedSlot: number, start: number, length: number): void {
    const slot = this.#size++;
    this.#dontFragment[slot] = false;
    this.#sockets[slot] = socket;
    this.#destinations[slot] = undefined;
    this.#starts[slot] = start;
    this.#lengths[slot] = length;
    this.#arena.writeSentBack(slot, receivedSlot, start, length);
  }

  /** Hands everything to the system. What it does not take is lost and counted, as UDP may. */
  flush(): void {
    const size = this.#size;
    if (size === 0) return;
    this.#size = 0;
    let first = 0;
    while (first < size) {
      const socket = this.#sockets[first] as BatchSocket;
      let end = first + 1;
      const dontFragment = this.#dontFragment[first];
      while (end < size && this.#sockets[end] === socket && this.#dontFragment[end] === dontFragment) end++;
      if (!dontFragment) this.#send(socket, first, end);
      else this.#sendUncut(socket, first, end);
      first = end;
    }
    this.#arena.clearScratch();
  }

  /**
   * What may not be cut in pieces. Other threads send from the same descriptor: theirs may be again at once. Where the system does not do
   * it, what was to be sent is lost, and counted.
   */
  #sendUncut(socket: BatchSocket, first: number, end: number): void {
    const { descriptor, address } = socket;
    if (!forbidFragments(this.#libc, this.#arena, descriptor, address.family))
      return this.#errors.count(this.#libc.errno(), end - first);
    socket.forbidsFragments = true;
    this.#send(socket, first, end);
    socket.forbidsFragments = false;
    allowFragments(this.#libc, this.#arena, descriptor, address.family);
  }

  /** Slots [first, end), all of one socket. */
  #send(socket: BatchSocket, first: number, end: number): void {
    if (end === first + 1) {
      this.#sendOne(socket, first);
      return;
    }
    let headers = 0;
    for (let slot = first; slot < end; ) {
      const count = socket.mayJoin && !socket.forbidsFragments ? this.#runFrom(slot, end) : 1;
      this.#arena.writeHeader(headers, slot, count, this.#lengths[slot] as number);
      this.#firstSlots[headers] = slot;
      this.#counts[headers] = count;
      headers++;
      slot += count;
    }
    for (let sent = 0; sent < headers; ) {
      const left = headers - sent;
      const address = this.#arena.sendHeaders(sent, left);
      const taken = this.#libc.sendmmsg(socket.descriptor, address, left, MSG_DONTWAIT);
      if (taken > 0) {
        sent += taken;
        this.#told = 0;
      } else if (!this.#wasOfAnother(socket)) {
        this.#mendFailure(socket, sent);
        sent++;
      }
    }
  }

  /** With fewer structures for the system to read. False where it is lost. */
  #sendOne(socket: BatchSocket, slot: number): boolean {
    const length = this.#lengths[slot] as number;
    const data = this.#arena.addressOf(this.#starts[slot] as number, length);
    const name = this.#arena.destinationAddress(slot);
    const nameLength = socket.address.family === 4 ? SOCKADDR.ipv4 : SOCKADDR.ipv6;
    for (;;) {
      if (this.#libc.sendto(socket.descriptor, data, length, MSG_DONTWAIT, name, nameLength) >= 0) {
        this.#told = 0;
        return true;
      }
      if (this.#wasOfAnother(socket)) continue;
      this.#countFailure(socket, slot, 1);
      return false;
    }
  }

  /**
   * Whether the call may have failed because of a packet before it, or of a signal: it may be made again. A socket is told of an ICMP
   * error once, with the next call, and of the next one when the thread that reads the socket takes an error out of its queue: there may
   * be several in a row. Where fragments are forbidden EMSGSIZE is taken for this packet's own.
   */
  #wasOfAnother(socket: BatchSocket): boolean {
    const errno = this.#libc.errno();
    const isToldOf = TOLD_OF_ANOTHER.has(errno) && !(errno === EMSGSIZE && socket.forbidsFragments);
    if (errno === EINTR) return true;
    const isAgain = isToldOf && this.#told < MAX_TOLD;
    this.#told = isAgain ? this.#told + 1 : 0;
    return isAgain;
  }

  /** The first header that is left was not taken. */
  #mendFailure(socket: BatchSocket, header: number): void {
    const errno = this.#libc.errno();
    const count = this.#counts[header] as number;
    const first = this.#firstSlots[header] as number;
    if (count === 1 || (errno !== EINVAL && errno !== EIO && errno !== EMSGSIZE))
      return this.#countFailure(socket, first, count);
    let passed = 0;
    for (let slot = first; slot < first + count; slot++) if (this.#sendOne(socket, slot)) passed++;
    // Where single ones do not pass either, the address is gone. Else one by one from now on: everywhere where the device does not cut
    // datagrams, or there only. Anybody may have a narrow way.
    if (passed === 0) return;
    if (errno === EIO) socket.mayJoin = false;
    else this.#narrow.add(this.#destinations[first] as TransportAddress);
  }

  /** `slot`: the first of so many packets. */
  #countFailure(socket: BatchSocket, slot: number, packets: number): void {
    const errno = this.#libc.errno();
    this.#errors.count(errno, packets);
    if (errno === EMSGSIZE && socket.forbidsFragments)
      socket.tooLarge = [...socket.tooLarge, this.#destinations[slot] as TransportAddress].slice(
        -MAX_TOO_LARGE,
      );
  }

  /** How many slots from this one on go to the same destination with the same length; the last may be shorter. */
  #runFrom(slot: number, end: number): number {
    const length = this.#lengths[slot] as number;
    const to = this.#destinations[slot];
    if (to === undefined || length === 0 || length > MAX_SEGMENT_BYTES || this.#narrow.has(to)) return 1;
    const limit = Math.min(end, slot + MAX_SEGMENTS, slot + Math.floor(MAX_JOINED_BYTES / length));
    let next = slot + 1;
    while (next < limit && this.#destinations[next] === to && this.#lengths[next] === length) next++;
    const tail = this.#lengths[next] as number;
    if (next < limit && this.#destinations[next] === to && tail > 0 && tail < length) next++;
    return next - slot;
  }
}
