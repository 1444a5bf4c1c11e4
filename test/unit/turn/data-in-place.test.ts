/** What is read and written where it lies is what `decodeMessage` reads, and what `encodeDataIndication` writes. */

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  ipv4FromWord,
  ipv6FromWords,
  sameTransportAddress,
  type TransportAddress,
  withPort,
} from "../../../src/stun/address.ts";
import { readXorAddress, xorAddressAttribute } from "../../../src/stun/attributes.ts";
import {
  decodeMessage,
  encodeMessage,
  findAttribute,
  type StunAttribute,
} from "../../../src/stun/message.ts";
import { ATTRIBUTE, HEADER_BYTES, METHOD } from "../../../src/stun/registry.ts";
import {
  dataIndicationHead,
  SendIndicationReader,
  wrapInDataIndication,
} from "../../../src/turn/data-in-place.ts";
import { encodeDataIndication } from "../../../src/turn/data-indication.ts";
import { Mutator } from "../../support/mutator.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const word = fc.nat(0xffff_ffff);
const port = fc.nat(0xffff);
const address: fc.Arbitrary<TransportAddress> = fc.oneof(
  fc.tuple(word, port).map(([w, p]) => withPort(ipv4FromWord(w), p)),
  fc.tuple(word, word, word, word, port).map(([a, b, c, d, p]) => withPort(ipv6FromWords(a, b, c, d), p)),
);
const data = fc.uint8Array({ maxLength: 64 });
const transactionId = fc.uint8Array({ minLength: 12, maxLength: 12 });
/** Neighbours of an address: what differs in one bit is another one. */
const bit = fc.tuple(fc.constantFrom("port", "w0", "w1", "w2", "w3"), fc.nat(15));

function differing(from: TransportAddress, [field, place]: readonly [string, number]): TransportAddress {
  const name = (from.family === 4 && field !== "port" ? "w3" : field) as "port" | "w3";
  return { ...from, [name]: (from[name] ^ (1 << place)) >>> 0 };
}

/** Somewhere in a larger buffer, between bytes of others. */
function placed(packet: Uint8Array, before = 100, after = 16) {
  const bytes = Buffer.alloc(before + packet.length + after, 0x5a);
  bytes.set(packet, before);
  return { bytes, start: before, end: before + packet.length };
}

interface Read {
  readonly data: Buffer;
  readonly isTo: (address: TransportAddress) => boolean;
}

function readInPlace(packet: Uint8Array, ...room: [before?: number, after?: number]): Read | undefined {
  const { bytes, start, end } = placed(packet, ...room);
  const reader = new SendIndicationReader(bytes);
  if (!reader.read(start, end)) return undefined;
  const { dataStart, dataEnd } = reader;
  expect(dataStart).toBeGreaterThanOrEqual(start + HEADER_BYTES);
  expect(dataEnd).toBeLessThanOrEqual(end);
  return { data: bytes.subarray(dataStart, dataEnd), isTo: (to) => reader.isTo(to) };
}

/** As the relay does without a flow. Undefined: it is no Send indication that may pass. */
function readAtLength(packet: Uint8Array): { data: Buffer; to: TransportAddress | undefined } | undefined {
  const decoded = decodeMessage(packet);
  if (!decoded.ok) return undefined;
  const { message } = decoded;
  if (message.method !== METHOD.send || message.messageClass !== "indication") return undefined;
  const value = findAttribute(message, ATTRIBUTE.data);
  const peer = findAttribute(message, ATTRIBUTE.xorPeerAddress);
  if (value === undefined || peer === undefined) return undefined;
  return { data: Buffer.from(value), to: readXorAddress(peer, message.transactionId) };
}

function sendIndication(id: Uint8Array, attributes: readonly StunAttribute[]): Uint8Array {
  return encodeMessage({ method: METHOD.send, messageClass: "indication", transactionId: id }, attributes);
}

const peerOf = (to: TransportAddress, id: Uint8Array) =>
  xorAddressAttribute(ATTRIBUTE.xorPeerAddress, to, id);
const dataOf = (value: Uint8Array) => ({ type: ATTRIBUTE.data, value });

test("a plain Send indication, with its attributes in either order and any padding, is read as the relay reads it", () => {
  fc.assert(
    fc.property(
      address,
      bit,
      data,
      transactionId,
      fc.boolean(),
      fc.nat(255),
      (to, other, value, id, isSwapped, pad) => {
        const attributes = [peerOf(to, id), dataOf(value)];
        const packet = Buffer.from(sendIndication(id, isSwapped ? attributes.reverse() : attributes));
        const padding = (4 - (value.length % 4)) % 4;
        // RFC 8489 section 14: padding may have any value.
        if (!isSwapped) packet.fill(pad, packet.length - padding);
        const read = readInPlace(packet);
        expect(read?.data).toEqual(Buffer.from(value));
        expect(read?.data).toEqual(readAtLength(packet)?.data);
        expect(read?.isTo(to)).toBe(true);
        expect(read?.isTo(differing(to, other))).toBe(false);
      },
    ),
    { numRuns: 1000 },
  );
});

test("an address of the other family is another one, whatever its words", () => {
  fc.assert(
    fc.property(word, word, word, word, port, transactionId, (a, b, c, d, p, id) => {
      const pair = [withPort(ipv4FromWord(a), p), withPort(ipv6FromWords(a, b, c, d), p)] as const;
      for (const [to, other] of [pair, [pair[1], pair[0]] as const])
        expect(readInPlace(sendIndication(id, [peerOf(to, id), dataOf(Buffer.from("x"))]))?.isTo(other)).toBe(
          false,
        );
    }),
  );
});

const attribute = fc.oneof(
  address.map((to) => ({ type: ATTRIBUTE.xorPeerAddress, value: to })),
  data.map((value) => ({ type: ATTRIBUTE.data, value })),
  fc.record({
    type: fc.oneof(fc.constantFrom(...Object.values(ATTRIBUTE)), fc.nat(0xffff)),
    value: fc.uint8Array({ maxLength: 24 }),
  }),
);

test("whatever attributes there are: what it reads, the relay reads so; all else is the relay's", () => {
  let read = 0;
  fc.assert(
    fc.property(fc.array(attribute, { maxLength: 4 }), address, transactionId, (list, any, id) => {
      const attributes = list.map(({ type, value }) =>
        "family" in value ? peerOf(value as TransportAddress, id) : { type, value: value as Uint8Array },
      );
      const packet = sendIndication(id, attributes);
      const here = readInPlace(packet);
      const there = readAtLength(packet);
      const isPlain = attributes.length === 2 && there !== undefined;
      expect(here !== undefined).toBe(isPlain);
      if (here === undefined) return;
      read++;
      expect(here.data).toEqual(there?.data);
      expect(here.isTo(any)).toBe(there?.to !== undefined && sameTransportAddress(there.to, any));
      if (there?.to !== undefined) expect(here.isTo(there.to)).toBe(true);
    }),
    { numRuns: 5000 },
  );
  expect(read).toBeGreaterThan(50);
});

test("any bytes, also at the very end of a buffer, never throw, and never say what the relay would not", () => {
  const random = new SeededRandom(1);
  const id = Buffer.from("0123456789ab");
  const tos = [withPort(ipv4FromWord(0x0a000001), 9), withPort(ipv6FromWords(1, 2, 3, 4), 9)];
  const whole = tos.flatMap((to) => [
    sendIndication(id, [peerOf(to, id), dataOf(Buffer.from("data"))]),
    sendIndication(id, [dataOf(Buffer.from("data")), peerOf(to, id)]),
  ]);
  const mutator = new Mutator(random, whole);
  const check = (packet: Uint8Array) => {
    const here = readInPlace(packet, 0, 0);
    const there = readAtLength(packet);
    if (here === undefined) return 0;
    expect(here.data).toEqual(there?.data);
    for (const to of tos)
      expect(here.isTo(to)).toBe(there?.to !== undefined && sameTransportAddress(there.to, to));
    return 1;
  };
  let read = 0;
  for (let i = 0; i < 20_000; i++) read += check(mutator.next());
  for (let i = 0; i < 5000; i++) read += check(random.bytes(random.below(80)));
  expect(read).toBeGreaterThan(100);
  // An address that is cut short, as the last thing in the buffer.
  for (let bytes = 0; bytes < 8; bytes++) {
    const short = { type: ATTRIBUTE.xorPeerAddress, value: new Uint8Array(bytes) };
    const read = readInPlace(sendIndication(id, [dataOf(Buffer.alloc(0)), short]), 0, 0);
    expect(tos.map((to) => read?.isTo(to))).toEqual([false, false]);
  }
});

test("a Data indication around data of any size is the one that is made of it, and touches nothing else", () => {
  fc.assert(
    fc.property(address, data, fc.nat(3), (source, value, shift) => {
      const made = Buffer.from(encodeDataIndication(source, value, 0, value.length));
      const { bytes, start, end } = placed(value, 64 + shift);
      const head = dataIndicationHead(source);
      const stop = wrapInDataIndication(bytes, start, end, source, made.subarray(8, HEADER_BYTES));
      expect(bytes.subarray(start - head, stop)).toEqual(made);
      expect(stop - end).toBeLessThan(4);
      expect(new Set([...bytes.subarray(0, start - head), ...bytes.subarray(stop)])).toEqual(new Set([0x5a]));
    }),
    { numRuns: 1000 },
  );
});

test("the largest data that fits a message is wrapped as it is made", () => {
  const source = withPort(ipv6FromWords(1, 2, 3, 0xffff_ffff), 0xffff);
  const value = Buffer.alloc(65_000, 7);
  const made = Buffer.from(encodeDataIndication(source, value, 0, value.length));
  const { bytes, start, end } = placed(value);
  const stop = wrapInDataIndication(bytes, start, end, source, made.subarray(8, HEADER_BYTES));
  expect(bytes.subarray(start - dataIndicationHead(source), stop).equals(made)).toBe(true);
});
