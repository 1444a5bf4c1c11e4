/** What the words of the records between the relay and its UDP threads mean. */

import type { TransportAddress } from "../../stun/address.ts";

/** From the relay to a thread. */
export const ORDER = {
  /** index, descriptor, one of SOCKET_KIND, family */
  openSocket: 1,
  /** index */
  closeSocket: 2,
  /** As `FlowOrder` says. */
  openFlow: 3,
  /** slot */
  closeFlow: 4,
  /** burst, answers per second, whether loopback has no limit */
  answerBindings: 5,
} as const;

export const SOCKET_KIND = {
  relay: 0,
  /** Clients send to it. */
  listener: 1,
  /** The same, and plain Binding requests are answered by the thread. */
  answering: 2,
} as const;

export type SocketKind = keyof typeof SOCKET_KIND;

/** From a thread to the relay. */
export const REPORT = {
  /** index, source as a socket address, bytes, the packet itself */
  packet: 1,
  /** index, type, code, mtu, target */
  icmp: 2,
  /** index: the thread names its descriptor no more */
  socketClosed: 3,
  /** slot: nothing is written to its cells any more */
  flowClosed: 4,
} as const;

export const ADDRESS_WORDS = 6;
/** A socket address, of either family. */
export const NAME_WORDS = 7;
/** kind, index, name, length */
export const PACKET_HEAD_WORDS = 2 + NAME_WORDS + 1;

/** No cell, no channel, no socket. */
export const NONE = -1;

export function addressWords({ family, port, w0, w1, w2, w3 }: TransportAddress): readonly number[] {
  return [family, port, w0, w1, w2, w3];
}

export function readAddress(words: Int32Array, at: number): TransportAddress {
  const word = (index: number) => (words[at + index] as number) >>> 0;
  return {
    family: word(0) === 4 ? 4 : 6,
    port: word(1),
    w0: word(2),
    w1: word(3),
    w2: word(4),
    w3: word(5),
  };
}

const number = new Float64Array(1);
const numberWords = new Int32Array(number.buffer);

/** A number of any size, in two words. */
export function floatWords(value: number): readonly number[] {
  number[0] = value;
  return [...numberWords];
}

export function readFloat(words: Int32Array, at: number): number {
  numberWords[0] = words[at] as number;
  numberWords[1] = words[at + 1] as number;
  return number[0] as number;
}
