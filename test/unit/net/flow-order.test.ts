import fc from "fast-check";
import { expect, test } from "vitest";
import {
  areShared,
  encodeFlowOrder,
  type FlowOrder,
  type InsideOrder,
  readFlowOrder,
  type SocketReference,
} from "../../../src/net/udp-batch/flow-order.ts";
import {
  ADDRESS_WORDS,
  addressWords,
  floatWords,
  NONE,
  ORDER,
  readAddress,
  readFloat,
} from "../../../src/net/udp-batch/records.ts";
import { ipv4FromWord, ipv6FromWords, type TransportAddress, withPort } from "../../../src/stun/address.ts";
import { BucketCells } from "../../../src/turn/bucket-cells.ts";
import { TokenBucket } from "../../../src/turn/token-bucket.ts";

const { cells } = new BucketCells(new SharedArrayBuffer(4096));
const word = fc.nat(0xffff_ffff);
const port = fc.nat(0xffff);
const address: fc.Arbitrary<TransportAddress> = fc.oneof(
  fc.tuple(word, port).map(([w, p]) => withPort(ipv4FromWord(w), p)),
  fc.tuple(word, word, word, word, port).map(([a, b, c, d, p]) => withPort(ipv6FromWords(a, b, c, d), p)),
);
const socket: fc.Arbitrary<SocketReference> = fc.record({
  index: fc.nat(100_000),
  descriptor: fc.nat(1_000_000),
  family: fc.constantFrom(4, 6),
});
const channel = fc.oneof(fc.constant(NONE), fc.integer({ min: 0x4000, max: 0x7fff }));
const rate = fc.double({ min: 0.001, max: 1e12, noNaN: true });
const bucket = fc.option(
  fc.tuple(rate, rate, fc.nat(63)).map(([perSecond, burst, line]) => {
    return new TokenBucket(perSecond, burst, cells, line * 8);
  }),
  { nil: undefined },
);
const inside: fc.Arbitrary<InsideOrder> = fc.record({
  socket,
  client: address,
  channel,
  source: address,
  own: bucket,
});
const order: fc.Arbitrary<FlowOrder> = fc.record({
  slot: fc.nat(65_535),
  listener: socket,
  client: address,
  channel,
  relay: socket,
  target: address,
  buckets: fc.record({ own: bucket, room: bucket, total: bucket }),
  inside: fc.option(inside, { nil: undefined }),
});

/** Somewhere in a ring, between words of others. */
function passOn(words: readonly number[]): { words: Int32Array; at: number } {
  const before = [-1, -2, -3];
  return { words: Int32Array.from([...before, ...words, -4, -5]), at: before.length };
}

/** A bucket as anybody outside sees it. */
function seen(one: TokenBucket | undefined) {
  return one && { perSecond: one.perSecond, burst: one.burst, cellIndex: one.cellIndex };
}

function comparable({ buckets, inside: other, ...rest }: FlowOrder) {
  const { own, room, total } = buckets;
  return {
    ...rest,
    buckets: [own, room, total].map(seen),
    inside: other && { ...other, own: seen(other.own) },
  };
}

test("every order of a flow is read as it was written", () => {
  fc.assert(
    fc.property(order, (written) => {
      const { words, at } = passOn(encodeFlowOrder(written));
      expect(words[at]).toBe(ORDER.openFlow);
      expect(comparable(readFlowOrder(cells, words, at + 1))).toEqual(comparable(written));
    }),
  );
});

test("a bucket that was read is the one that was written: what one takes the other lacks", () => {
  const own = new TokenBucket(10, 10, cells, 16);
  const address4 = withPort(ipv4FromWord(0x0a000001), 9);
  const reference = { index: 1, descriptor: 2, family: 4 } as const;
  const { words, at } = passOn(
    encodeFlowOrder({
      slot: 0,
      listener: reference,
      client: address4,
      channel: NONE,
      relay: reference,
      target: address4,
      buckets: { own, room: undefined, total: undefined },
      inside: undefined,
    }),
  );
  const there = readFlowOrder(cells, words, at + 1).buckets.own;
  there?.take(8, 0);
  expect([own.has(2, 0), own.has(3, 0)]).toEqual([true, false]);
  own.take(2, 0);
  expect([there?.has(1, 0), there?.has(1, 100)]).toEqual([false, true]);
});

test("only buckets that others find are shared", () => {
  const shared = new TokenBucket(1, 1, cells, 8);
  const ours = new TokenBucket(1, 1);
  expect(areShared()).toBe(true);
  expect(areShared(undefined, shared)).toBe(true);
  expect(areShared(shared, ours)).toBe(false);
});

test("any address and any number pass through words", () => {
  fc.assert(
    fc.property(address, fc.double({ noNaN: true }), (one, number) => {
      const { words, at } = passOn([...addressWords(one), ...floatWords(number)]);
      expect(readAddress(words, at)).toEqual(one);
      expect(Object.is(readFloat(words, at + ADDRESS_WORDS), number)).toBe(true);
    }),
  );
});
