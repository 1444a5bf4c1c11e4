/**
 * The one piece of memory whose address the system is told: message headers, socket addresses and packets. It is made once,
 * never grows and never moves; every offset that leaves here has been held against its size.
 */

import type { IpAddress, TransportAddress } from "../../stun/address.ts";
import {
  AF_INET,
  AF_INET6,
  EPOLL_EVENT,
  IOVEC,
  MMSGHDR,
  SEGMENT_CONTROL,
  SOCKADDR,
  SOL_UDP,
  UDP_SEGMENT,
} from "./layout.ts";
import type { Libc } from "./libc.ts";

/** Packets that are received, and not yet done with, at once. */
export const RECEIVE_SLOTS = 128;
/** Packets that wait to be sent at once: each that came in may bring one out, and answers besides. */
export const SEND_SLOTS = 256;
export const EVENT_SLOTS = 64;
/** More than the one control message that an entry of an error queue comes with. */
export const ERROR_CONTROL_BYTES = 128;
/** Before each packet: the header of ChannelData is written there, so that the packet goes out without a copy. */
const HEAD_ROOM = 64;
export const MAX_DATAGRAM = 65_536;
const PACKET_STRIDE = HEAD_ROOM + MAX_DATAGRAM;
/** For what is sent and did not come in: answers, Data indications, packets of TCP clients. */
const SCRATCH_BYTES = 512 * 1024;
const WORD = 4;
const WORD_RANGE = 0x1_0000_0000;

interface Region {
  readonly start: number;
  readonly stride: number;
}

export class Arena {
  readonly bytes: Buffer;
  /** Of the first byte. */
  readonly #address: number;
  readonly #words: Uint32Array;
  readonly #eventRegion: Region;
  /** A header, an address and a control message, for one entry of an error queue. */
  readonly errorQueue: { readonly header: number; readonly name: number; readonly control: number };
  readonly #registration: Region;
  readonly #spare: Region;
  readonly #option: Region;
  readonly #received: { readonly header: Region; readonly name: Region; readonly packet: Region };
  readonly #sent: {
    readonly header: Region;
    readonly name: Region;
    readonly iov: Region;
    readonly control: Region;
  };
  readonly #scratchStart: number;
  #scratchEnd: number;

  constructor(libc: Libc) {
    let size = 0;
    function region(count: number, stride: number): Region {
      const start = size;
      size += Math.ceil((count * stride) / 64) * 64;
      return { start, stride };
    }
    this.#eventRegion = region(EVENT_SLOTS, EPOLL_EVENT.size);
    this.#registration = region(1, EPOLL_EVENT.size);
    this.#spare = region(1, SOCKADDR.slot);
    this.#option = region(1, WORD);
    this.errorQueue = {
      header: region(1, MMSGHDR.size).start,
      name: region(1, SOCKADDR.slot).start,
      control: region(1, ERROR_CONTROL_BYTES).start,
    };
    const receivedIov = region(RECEIVE_SLOTS, IOVEC.size);
    this.#received = {
      header: region(RECEIVE_SLOTS, MMSGHDR.size),
      name: region(RECEIVE_SLOTS, SOCKADDR.slot),
      packet: region(RECEIVE_SLOTS, PACKET_STRIDE),
    };
    this.#sent = {
      header: region(SEND_SLOTS, MMSGHDR.size),
      name: region(SEND_SLOTS, SOCKADDR.slot),
      iov: region(SEND_SLOTS, IOVEC.size),
      control: region(SEND_SLOTS, SEGMENT_CONTROL.slot),
    };
    this.#scratchStart = region(1, SCRATCH_BYTES).start;
    this.#scratchEnd = this.#scratchStart;
    const memory = new ArrayBuffer(size);
    this.bytes = Buffer.from(memory);
    this.#words = new Uint32Array(memory);
    this.#address = libc.addressOf(this.bytes);
    this.#prepareReceived(receivedIov);
    this.#prepareSent();
  }

  // ---- addresses for the system

  /** The address of an offset; throws for one outside. */
  addressOf(offset: number, length: number): number {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.bytes.length))
      throw new RangeError(`outside of the arena: ${offset}, ${length}`);
    return this.#address + offset;
  }

  get events(): number {
    return this.addressOf(this.#eventRegion.start, EVENT_SLOTS * EPOLL_EVENT.size);
  }

  /** What was registered with the event's descriptor. */
  eventData(index: number): number {
    return this.bytes.readUInt32LE(this.#eventRegion.start + index * EPOLL_EVENT.size + EPOLL_EVENT.data);
  }

  /** What happened to the event's descriptor. */
  eventFlags(index: number): number {
    return this.bytes.readUInt32LE(this.#eventRegion.start + index * EPOLL_EVENT.size);
  }

  /** An event to register a descriptor with. A place of its own: a thread may be waiting for the others. */
  writeRegistration(events: number, data: number): number {
    const { start } = this.#registration;
    this.bytes.writeUInt32LE(events, start);
    this.bytes.writeUInt32LE(data, start + EPOLL_EVENT.data);
    this.bytes.writeUInt32LE(0, start + EPOLL_EVENT.data + WORD);
    return this.addressOf(start, EPOLL_EVENT.size);
  }

  /** Eight bytes with the number 1. */
  get one(): number {
    const { start } = this.#registration;
    this.bytes.writeBigUInt64LE(1n, start);
    return this.addressOf(start, 8);
  }

  /** The value of a socket's option, for the next call. */
  option(value: number): number {
    this.bytes.writeInt32LE(value, this.#option.start);
    return this.addressOf(this.#option.start, WORD);
  }

  // ---- what comes in

  /** Headers for `count` packets from slot `first` on. */
  receiveHeaders(first: number, count: number): number {
    return this.addressOf(this.#received.header.start + first * MMSGHDR.size, count * MMSGHDR.size);
  }

  /** The slot may be received into again. */
  renewHeader(slot: number): void {
    this.#words[(this.#received.header.start + slot * MMSGHDR.size + MMSGHDR.nameLength) / WORD] =
      SOCKADDR.ipv6;
  }

  packetAddress(slot: number): number {
    return this.addressOf(this.packetStart(slot), MAX_DATAGRAM);
  }

  /** Where a packet's source is written, and, behind it, how long that is. */
  sourceAddress(slot: number): number {
    return this.addressOf(this.#received.name.start + slot * SOCKADDR.slot, SOCKADDR.slot);
  }

  sourceLengthAddress(slot: number): number {
    return this.addressOf(this.#received.header.start + slot * MMSGHDR.size + MMSGHDR.nameLength, WORD);
  }

  writeReceivedLength(slot: number, length: number): void {
    this.#words[(this.#received.header.start + slot * MMSGHDR.size + MMSGHDR.length) / WORD] = length;
  }

  receivedLength(slot: number): number {
    return this.#words[(this.#received.header.start + slot * MMSGHDR.size + MMSGHDR.length) / WORD] as number;
  }

  /** Where the packet of a slot begins. */
  packetStart(slot: number): number {
    return this.#received.packet.start + slot * PACKET_STRIDE + HEAD_ROOM;
  }

  /** Where the source of a slot is, as a socket address. */
  sourceStart(slot: number): number {
    return this.#received.name.start + slot * SOCKADDR.slot;
  }

  sourcePort(slot: number): number {
    return this.bytes.readUInt16BE(this.#received.name.start + slot * SOCKADDR.slot + SOCKADDR.port);
  }

  /** Whether the packet came from this address; its port is compared by whoever looked it up. */
  isFrom(slot: number, ip: IpAddress): boolean {
    const name = this.#received.name.start + slot * SOCKADDR.slot;
    if (ip.family === 4) return this.bytes.readUInt32BE(name + SOCKADDR.ipv4Address) === ip.w3;
    const at = name + SOCKADDR.ipv6Address;
    return (
      this.bytes.readUInt32BE(at + 12) === ip.w3 &&
      this.bytes.readUInt32BE(at + 8) === ip.w2 &&
      this.bytes.readUInt32BE(at + 4) === ip.w1 &&
      this.bytes.readUInt32BE(at) === ip.w0
    );
  }

  /** Copies a packet's source, a socket address, to bytes[at, at + length). */
  copySource(slot: number, bytes: Buffer, at: number, length: number): void {
    const name = this.#received.name.start + slot * SOCKADDR.slot;
    this.bytes.copy(bytes, at, name, name + length);
  }

  /** As if the packet had been received here: its source at bytes[nameAt], its data at bytes[at, at + length). */
  writeReceived(slot: number, bytes: Buffer, nameAt: number, at: number, length: number): void {
    const name = this.#received.name.start + slot * SOCKADDR.slot;
    bytes.copy(this.bytes, name, nameAt, nameAt + SOCKADDR.ipv6);
    bytes.copy(this.bytes, this.packetStart(slot), at, at + length);
  }

  /** Makes an object: for sources that are not known yet. */
  readSource(slot: number): TransportAddress {
    return this.readSocketAddress(this.#received.name.start + slot * SOCKADDR.slot);
  }

  readSocketAddress(name: number): TransportAddress {
    const port = this.bytes.readUInt16BE(name + SOCKADDR.port);
    if (this.bytes.readUInt16LE(name) === AF_INET) {
      const w3 = this.bytes.readUInt32BE(name + SOCKADDR.ipv4Address);
      return { family: 4, w0: 0, w1: 0, w2: 0, w3, port };
    }
    const word = (index: number) => this.bytes.readUInt32BE(name + SOCKADDR.ipv6Address + index * WORD);
    return { family: 6, w0: word(0), w1: word(1), w2: word(2), w3: word(3), port };
  }

  // ---- what goes out

  /** Where data[start, end) lies in the arena: its own place, or a copy with head room before it. Undefined: there is no room now. */
  place(data: Uint8Array, start: number, end: number): number | undefined {
    if (data.buffer === this.bytes.buffer) return data.byteOffset + start;
    const at = this.#scratchEnd + WORD;
    const length = end - start;
    if (at + length > this.#scratchStart + SCRATCH_BYTES) return undefined;
    this.bytes.set(start === 0 && end === data.length ? data : data.subarray(start, end), at);
    this.#scratchEnd = (at + length + WORD - 1) & -WORD;
    return at;
  }

  /** Copies are not needed any more. */
  clearScratch(): void {
    this.#scratchEnd = this.#scratchStart;
  }

  /** Fills the slot of a packet to be sent: arena[start, start + length) to this address. */
  writeSent(slot: number, to: TransportAddress, start: number, length: number): void {
    this.#writePointer(this.#sent.iov.start + slot * IOVEC.size, this.addressOf(start, length));
    this.#words[(this.#sent.iov.start + slot * IOVEC.size + IOVEC.length) / WORD] = length;
    this.writeSocketAddress(this.#sent.name.start + slot * SOCKADDR.slot, to);
  }

  /** The same, to the source of a packet that was received. */
  writeSentBack(slot: number, receivedSlot: number, start: number, length: number): void {
    this.#writePointer(this.#sent.iov.start + slot * IOVEC.size, this.addressOf(start, length));
    this.#words[(this.#sent.iov.start + slot * IOVEC.size + IOVEC.length) / WORD] = length;
    const from = (this.#received.name.start + receivedSlot * SOCKADDR.slot) / WORD;
    const to = (this.#sent.name.start + slot * SOCKADDR.slot) / WORD;
    for (let i = 0; i < SOCKADDR.slot / WORD; i++) this.#words[to + i] = this.#words[from + i] as number;
  }

  /**
   * The header at `index` of those that `sendmmsg` takes: for the packets of `count` slots from `slot` on, all to the first
   * one's address and of `segmentBytes` each, the last of at most that.
   */
  writeHeader(index: number, slot: number, count: number, segmentBytes: number): void {
    const words = this.#words;
    const { name, iov, control } = this.#sent;
    const at = this.#sent.header.start + index * MMSGHDR.size;
    const nameAt = name.start + slot * SOCKADDR.slot;
    const isIpv4 = ((words[nameAt / WORD] as number) & 0xffff) === AF_INET;
    this.#writePointer(at + MMSGHDR.name, this.#address + nameAt);
    words[(at + MMSGHDR.nameLength) / WORD] = isIpv4 ? SOCKADDR.ipv4 : SOCKADDR.ipv6;
    this.#writePointer(at + MMSGHDR.iov, this.#address + iov.start + slot * IOVEC.size);
    words[(at + MMSGHDR.iovCount) / WORD] = count;
    words[(at + MMSGHDR.controlLength) / WORD] = count > 1 ? SEGMENT_CONTROL.space : 0;
    if (count === 1) return;
    const controlAt = control.start + slot * SEGMENT_CONTROL.slot;
    this.#writePointer(at + MMSGHDR.control, this.#address + controlAt);
    words[(controlAt + SEGMENT_CONTROL.data) / WORD] = segmentBytes;
  }

  /** Where the address of a slot's destination is. */
  destinationAddress(slot: number): number {
    return this.addressOf(this.#sent.name.start + slot * SOCKADDR.slot, SOCKADDR.slot);
  }

  sendHeaders(first: number, count: number): number {
    return this.addressOf(this.#sent.header.start + first * MMSGHDR.size, count * MMSGHDR.size);
  }

  /** A socket address to bind with, and room for one to be read. */
  get spareName(): { readonly offset: number; readonly address: number } {
    const offset = this.#spare.start;
    return { offset, address: this.addressOf(offset, SOCKADDR.slot) };
  }

  writeSocketAddress(offset: number, { family, w0, w1, w2, w3, port }: TransportAddress): void {
    const words = this.#words;
    const at = offset / WORD;
    // The family in the system's order, the port in the network's.
    const swappedPort = ((port & 0xff) << 8) | (port >>> 8);
    words[at] = ((swappedPort << 16) | (family === 4 ? AF_INET : AF_INET6)) >>> 0;
    if (family === 4) {
      words[at + 1] = swap(w3);
      words[at + 2] = 0;
      words[at + 3] = 0;
      return;
    }
    words[at + 1] = 0;
    words[at + 2] = swap(w0);
    words[at + 3] = swap(w1);
    words[at + 4] = swap(w2);
    words[at + 5] = swap(w3);
    words[at + 6] = 0;
  }

  #prepareReceived(iov: Region): void {
    const { header, name } = this.#received;
    for (let slot = 0; slot < RECEIVE_SLOTS; slot++) {
      const at = header.start + slot * MMSGHDR.size;
      const iovAt = iov.start + slot * IOVEC.size;
      this.#writePointer(at + MMSGHDR.name, this.addressOf(name.start + slot * SOCKADDR.slot, SOCKADDR.slot));
      this.#writePointer(at + MMSGHDR.iov, this.addressOf(iovAt, IOVEC.size));
      this.#words[(at + MMSGHDR.iovCount) / WORD] = 1;
      this.renewHeader(slot);
      this.#writePointer(iovAt, this.addressOf(this.packetStart(slot), MAX_DATAGRAM));
      this.#words[(iovAt + IOVEC.length) / WORD] = MAX_DATAGRAM;
    }
  }

  #prepareSent(): void {
    const { control } = this.#sent;
    for (let slot = 0; slot < SEND_SLOTS; slot++) {
      const at = control.start + slot * SEGMENT_CONTROL.slot;
      this.bytes.writeUInt32LE(SEGMENT_CONTROL.length, at);
      this.bytes.writeInt32LE(SOL_UDP, at + SEGMENT_CONTROL.level);
      this.bytes.writeInt32LE(UDP_SEGMENT, at + SEGMENT_CONTROL.type);
    }
  }

  #writePointer(offset: number, address: number): void {
    this.#words[offset / WORD] = address % WORD_RANGE;
    this.#words[offset / WORD + 1] = Math.floor(address / WORD_RANGE);
  }
}

function swap(word: number): number {
  return ((word >>> 24) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24)) >>> 0;
}
