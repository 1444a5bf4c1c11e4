import fc from "fast-check";
import { expect, it } from "vitest";
import { TokenBucket } from "../../../src/turn/token-bucket.ts";

const BYTES_PER_SECOND = 100_000;
const BURST = 300_000;
const PACKET = 1000;

/** Takes packets as long as there is something; the bytes that it got. */
function drain(bucket: TokenBucket, nowMs: number): number {
  let taken = 0;
  while (bucket.has(PACKET, nowMs)) {
    bucket.take(PACKET, nowMs);
    taken += PACKET;
  }
  return taken;
}

it("gives its burst at once, then its rate, exactly, over ten minutes of a sender who wants more", () => {
  const bucket = new TokenBucket(BYTES_PER_SECOND, BURST);
  const startMs = 1_000_000;
  let taken = drain(bucket, startMs);
  expect(taken).toBe(BURST);
  const seconds = 600;
  for (let ms = 1; ms <= seconds * 1000; ms += 1) taken += drain(bucket, startMs + ms);
  const expected = BURST + seconds * BYTES_PER_SECOND;
  expect(taken).toBeLessThanOrEqual(expected);
  expect(taken).toBeGreaterThan(expected - 2 * PACKET);
});

it("saves up no more than the burst, however long it is idle", () => {
  const bucket = new TokenBucket(BYTES_PER_SECOND, BURST);
  for (const nowMs of [0, 3_600_000, 1e12]) expect(drain(bucket, nowMs)).toBe(BURST);
});

it("after an idle second it has a second's bytes again", () => {
  const bucket = new TokenBucket(BYTES_PER_SECOND, BURST);
  drain(bucket, 0);
  expect(drain(bucket, 1000)).toBe(BYTES_PER_SECOND);
});

it("is full again when nothing is missing any more", () => {
  const bucket = new TokenBucket(BYTES_PER_SECOND, BURST);
  expect(bucket.isFull(0)).toBe(true);
  bucket.take(BYTES_PER_SECOND, 0);
  expect(bucket.isFull(999)).toBe(false);
  expect(bucket.isFull(1000)).toBe(true);
});

it("what does not fit takes nothing: a smaller one fits then", () => {
  const bucket = new TokenBucket(BYTES_PER_SECOND, BURST);
  bucket.take(BURST - PACKET, 0);
  expect(bucket.has(PACKET + 1, 0)).toBe(false);
  expect(bucket.has(PACKET, 0)).toBe(true);
});

it("in a cell it is the same bucket for whoever holds the cell", () => {
  const cells = new Float64Array(new SharedArrayBuffer(64)).fill(Number.NEGATIVE_INFINITY);
  const [one, other] = [
    new TokenBucket(BYTES_PER_SECOND, BURST, cells, 3),
    new TokenBucket(BYTES_PER_SECOND, BURST, cells, 3),
  ];
  one.take(BURST - PACKET, 0);
  expect(drain(other, 0)).toBe(PACKET);
  expect(one.has(PACKET, 0)).toBe(false);
  expect(drain(new TokenBucket(BYTES_PER_SECOND, BURST, cells, 3), 1000)).toBe(BYTES_PER_SECOND);
  expect(one.isFull(1000)).toBe(false);
  expect(drain(new TokenBucket(BYTES_PER_SECOND, BURST, cells, 2), 0)).toBe(BURST);
});

it("a bucket in a cell does to the byte what one without does", () => {
  const cells = new Float64Array(1).fill(Number.NEGATIVE_INFINITY);
  const operation = fc.record({
    afterMs: fc.nat(2000),
    tokens: fc.nat(BURST),
    kind: fc.constantFrom("take", "owe"),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 50 }), (operations) => {
      cells.fill(Number.NEGATIVE_INFINITY);
      const own = new TokenBucket(BYTES_PER_SECOND, BURST);
      const shared = new TokenBucket(BYTES_PER_SECOND, BURST, cells, 0);
      let nowMs = 0;
      for (const { afterMs, tokens, kind } of operations) {
        nowMs += afterMs;
        const has = own.has(tokens, nowMs);
        expect(shared.has(tokens, nowMs)).toBe(has);
        if (has || kind === "owe") for (const bucket of [own, shared]) bucket.take(tokens, nowMs);
        expect(shared.owedMs(nowMs)).toBe(own.owedMs(nowMs));
        expect(shared.isFull(nowMs)).toBe(own.isFull(nowMs));
      }
    }),
  );
});

it("tells what another thread needs to have it too", () => {
  const cells = new Float64Array(8);
  const { perSecond, burst, cellIndex } = new TokenBucket(BYTES_PER_SECOND, BURST, cells, 5);
  expect({ perSecond, burst, cellIndex }).toEqual({
    perSecond: BYTES_PER_SECOND,
    burst: BURST,
    cellIndex: 5,
  });
  expect(new TokenBucket(BYTES_PER_SECOND, BURST).cellIndex).toBe(undefined);
});
