/** ChannelData, Send and Data indications where they lie in the arena, without an object. */

import type { TransportAddress } from "../stun/address.ts";
import { ATTRIBUTE, HEADER_BYTES, MAGIC_COOKIE, METHOD } from "../stun/registry.ts";

const ATTRIBUTE_HEADER_BYTES = 4;
/** Method Send and method Data, class indication (RFC 8489 section 5). */
const SEND_INDICATION = METHOD.send | 0x10;
const DATA_INDICATION = METHOD.data | 0x10;
const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;
const IPV4_VALUE_BYTES = 8;
const IPV6_VALUE_BYTES = 20;

/** A Send indication with XOR-PEER-ADDRESS and DATA, each once, and nothing else. */
export class SendIndicationReader {
  /** The data: bytes[dataStart, dataEnd). */
  dataStart = 0;
  dataEnd = 0;
  #bytes: Buffer;
  #messageAt = 0;
  #addressAt = 0;
  #addressBytes = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  static startsOne(bytes: Buffer, start: number): boolean {
    return bytes[start] === SEND_INDICATION >>> 8 && bytes[start + 1] === (SEND_INDICATION & 0xff);
  }

  /** False for anything else. */
  read(start: number, end: number): boolean {
    const bytes = this.#bytes;
    if (end - start < HEADER_BYTES || !SendIndicationReader.startsOne(bytes, start)) return false;
    if (bytes.readUInt32BE(start + 4) !== MAGIC_COOKIE) return false;
    if (bytes.readUInt16BE(start + 2) !== end - start - HEADER_BYTES) return false;
    this.#messageAt = start;
    this.#addressAt = -1;
    this.dataStart = -1;
    let at = start + HEADER_BYTES;
    while (at < end) {
      if (at + ATTRIBUTE_HEADER_BYTES > end) return false;
      const type = bytes.readUInt16BE(at);
      const length = bytes.readUInt16BE(at + 2);
      const valueAt = at + ATTRIBUTE_HEADER_BYTES;
      at = valueAt + ((length + 3) & ~3);
      if (at > end) return false;
      if (type === ATTRIBUTE.data && this.dataStart < 0) {
        this.dataStart = valueAt;
        this.dataEnd = valueAt + length;
      } else if (type === ATTRIBUTE.xorPeerAddress && this.#addressAt < 0) {
        this.#addressAt = valueAt;
        this.#addressBytes = length;
      } else {
        return false;
      }
    }
    return this.dataStart >= 0 && this.#addressAt >= 0;
  }

  /** Whether the message that was read last goes to this address. */
  isTo({ family, port, w0, w1, w2, w3 }: TransportAddress): boolean {
    const bytes = this.#bytes;
    const at = this.#addressAt;
    if (this.#addressBytes !== (family === 4 ? IPV4_VALUE_BYTES : IPV6_VALUE_BYTES)) return false;
    if ((bytes.readUInt16BE(at + 2) ^ (MAGIC_COOKIE >>> 16)) !== port) return false;
    if ((bytes.readUInt32BE(at + 4) ^ MAGIC_COOKIE) >>> 0 !== (family === 4 ? w3 : w0)) return false;
    if (family === 4) return bytes[at + 1] === FAMILY_IPV4;
    return (
      bytes[at + 1] === FAMILY_IPV6 && this.#xored(1) === w1 && this.#xored(2) === w2 && this.#xored(3) === w3
    );
  }

  /** A word of an IPv6 address: with a word of the transaction id. */
  #xored(word: number): number {
    const id = this.#messageAt + 4 + word * 4;
    return (this.#bytes.readUInt32BE(this.#addressAt + 4 + word * 4) ^ this.#bytes.readUInt32BE(id)) >>> 0;
  }
}

/** How far before the data a Data indication begins. */
export function dataIndicationHead({ family }: TransportAddress): number {
  const value = family === 4 ? IPV4_VALUE_BYTES : IPV6_VALUE_BYTES;
  return HEADER_BYTES + ATTRIBUTE_HEADER_BYTES + value + ATTRIBUTE_HEADER_BYTES;
}

/** Makes bytes[start, end) the DATA of a Data indication, around where it lies. Returns where that ends. */
export function wrapInDataIndication(
  bytes: Buffer,
  start: number,
  end: number,
  source: TransportAddress,
  transactionId: Uint8Array,
): number {
  const head = dataIndicationHead(source);
  const at = start - head;
  const padded = start + ((end - start + 3) & ~3);
  bytes.writeUInt16BE(DATA_INDICATION, at);
  bytes.writeUInt16BE(padded - at - HEADER_BYTES, at + 2);
  bytes.writeUInt32BE(MAGIC_COOKIE, at + 4);
  bytes.set(transactionId, at + 8);
  const value = at + HEADER_BYTES + ATTRIBUTE_HEADER_BYTES;
  bytes.writeUInt16BE(ATTRIBUTE.xorPeerAddress, value - 4);
  bytes.writeUInt16BE(start - ATTRIBUTE_HEADER_BYTES - value, value - 2);
  bytes.writeUInt16BE(source.family === 4 ? FAMILY_IPV4 : FAMILY_IPV6, value);
  bytes.writeUInt16BE(source.port ^ (MAGIC_COOKIE >>> 16), value + 2);
  if (source.family === 4) {
    bytes.writeUInt32BE((source.w3 ^ MAGIC_COOKIE) >>> 0, value + 4);
  } else {
    bytes.writeUInt32BE((source.w0 ^ MAGIC_COOKIE) >>> 0, value + 4);
    bytes.writeUInt32BE((source.w1 ^ bytes.readUInt32BE(at + 8)) >>> 0, value + 8);
    bytes.writeUInt32BE((source.w2 ^ bytes.readUInt32BE(at + 12)) >>> 0, value + 12);
    bytes.writeUInt32BE((source.w3 ^ bytes.readUInt32BE(at + 16)) >>> 0, value + 16);
  }
  bytes.writeUInt16BE(ATTRIBUTE.data, start - 4);
  bytes.writeUInt16BE(end - start, start - 2);
  bytes.fill(0, end, padded);
  return padded;
}
