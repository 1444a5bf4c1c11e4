import { expect, it } from "vitest";
import { Bandwidth, type Buckets } from "../../../src/turn/bandwidth.ts";
import { BUCKET_CELL_BYTES, BucketCells } from "../../../src/turn/bucket-cells.ts";
import { TokenBucket } from "../../../src/turn/token-bucket.ts";
import { DEFAULT_LIMITS } from "../../conformance/limits.ts";

const RATE = 960_000;
const LIMITS = {
  ...DEFAULT_LIMITS,
  maxBitsPerSecondPerAllocation: RATE,
  maxBitsPerSecondPerRoom: 2 * RATE,
  maxBitsPerSecond: 4 * RATE,
};
const USER = { userId: "user", keys: { md5: [], sha256: [] } };
const MEMBER = { ...USER, room: { roomKey: "room", peer: "peer" } };

function cellsFor(buckets: number): BucketCells {
  return new BucketCells(new SharedArrayBuffer(buckets * BUCKET_CELL_BYTES));
}

function takeAll(cells: BucketCells): number[] {
  const taken: number[] = [];
  for (let index = cells.take(); index !== undefined; index = cells.take()) taken.push(index);
  return taken;
}

it("hands out every cell once, a cache line each, and no more than there are", () => {
  const cells = cellsFor(10);
  const taken = takeAll(cells);
  expect(new Set(taken).size).toBe(10);
  expect(taken.map((index) => index % 8)).toEqual(new Array(10).fill(0));
  expect(cells.freeCount).toBe(0);
  expect(takeAll(cellsFor(0))).toEqual([]);
});

it("a cell that came back is the last to be used again, and its bucket is full", () => {
  const cells = cellsFor(3);
  const [first, second, third] = [cells.take(), cells.take(), cells.take()] as [number, number, number];
  new TokenBucket(1, 1, cells.cells, second).take(1, 1000);
  for (const index of [second, third, first]) cells.giveBack(index);
  expect(cells.freeCount).toBe(3);
  expect(takeAll(cells)).toEqual([second, third, first]);
  expect(new TokenBucket(1, 1, cells.cells, second).isFull(0)).toBe(true);
});

it("takes and gives back for ever", () => {
  const cells = cellsFor(7);
  const held: number[] = [];
  for (let i = 0; i < 1000; i++) {
    const index = i % 3 === 2 ? undefined : cells.take();
    if (index === undefined) cells.giveBack(held.shift() as number);
    else held.push(index);
    expect(new Set(held).size).toBe(held.length);
    expect(held.length + cells.freeCount).toBe(7);
  }
});

/** What a worker that was told of these buckets has. */
function elsewhere({ own, room, total }: Buckets, cells: BucketCells): Buckets {
  const same = (bucket: TokenBucket | undefined) =>
    bucket &&
    new TokenBucket(bucket.perSecond, bucket.burst, new Float64Array(cells.cells.buffer), bucket.cellIndex);
  return { own: same(own), room: same(room), total: same(total) };
}

it("what one thread takes of an allocation's buckets is missing in the other", () => {
  const cells = cellsFor(3);
  const buckets = new Bandwidth(LIMITS, cells).bucketsFor(MEMBER, false);
  const worker = elsewhere(buckets, cells);
  for (const of of ["own", "room", "total"] as const) {
    const [here, there] = [buckets[of], worker[of]] as [TokenBucket, TokenBucket];
    there.take(here.burst - 1, 0);
    expect([here.has(1, 0), here.has(2, 0)]).toEqual([true, false]);
    here.take(1, 0);
    expect(there.has(1, 0)).toBe(false);
  }
});

it("cells come back: an allocation's with it, a room's when its bucket is full again", () => {
  const cells = cellsFor(8);
  const bandwidth = new Bandwidth(LIMITS, cells);
  expect(cells.freeCount).toBe(7);
  const [one, two] = [bandwidth.bucketsFor(MEMBER, false), bandwidth.bucketsFor(MEMBER, false)];
  expect(cells.freeCount).toBe(4);
  one.room?.take(one.room.perSecond, 0);
  bandwidth.forget(one, MEMBER);
  bandwidth.forget(two, MEMBER);
  expect(cells.freeCount).toBe(6);
  bandwidth.sweep(999);
  expect(cells.freeCount).toBe(6);
  bandwidth.sweep(1000);
  expect(cells.freeCount).toBe(7);
  bandwidth.forget(bandwidth.bucketsFor(USER, false), USER);
  bandwidth.forget(bandwidth.bucketsFor(USER, true), USER);
  expect(cells.freeCount).toBe(7);
});

it("without a free cell a bucket holds its limit all the same, in this thread", () => {
  const cells = cellsFor(1);
  const bandwidth = new Bandwidth(LIMITS, cells);
  const { own, total } = bandwidth.bucketsFor(USER, false);
  expect([own?.cellIndex, total?.cellIndex]).toEqual([undefined, 0]);
  own?.take(own.burst, 0);
  expect(own?.has(1, 0)).toBe(false);
  bandwidth.forget({ own, room: undefined, total }, USER);
  expect(cells.freeCount).toBe(0);
});
