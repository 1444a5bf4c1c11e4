/** Records from one thread to another: the writer and the reader each with a ring of its own over the same memory. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { RecordRing } from "../../../src/net/udp-batch/ring.ts";

const CAPACITY = 64;
/** Beside it there is one word for its length. */
const LONGEST = CAPACITY / 2 - 1;

/** A cache line in front of the words for each position. */
const LINE_WORDS = 16;

function openRings() {
  const memory = RecordRing.allocate(CAPACITY);
  return { writer: new RecordRing(memory), reader: new RecordRing(memory) };
}

/** False: there is no room now. */
function write(ring: RecordRing, record: readonly number[]): boolean {
  const at = ring.reserve(record.length);
  if (at < 0) return false;
  ring.words.set(record, at);
  ring.commit();
  return true;
}

function read(ring: RecordRing): readonly number[] | undefined {
  const at = ring.peek();
  if (at < 0) return undefined;
  const record = [...ring.words.subarray(at, at + ring.length)];
  ring.release();
  return record;
}

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const record = fc.array(word, { maxLength: LONGEST, size: "max" });
const step = fc.oneof(record, fc.constant("read" as const));

test("any sequence of records of any sizes comes out as it went in, and none is refused by an empty ring", () => {
  let refused = 0;
  let taken = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const { writer, reader } = openRings();
      const inside: (readonly number[])[] = [];
      for (const next of steps) {
        if (next === "read") {
          expect(read(reader)).toEqual(inside.shift());
        } else if (write(writer, next)) {
          inside.push(next);
          taken++;
        } else {
          refused++;
          expect(inside.length).toBeGreaterThan(0);
        }
        expect(reader.isEmpty).toBe(inside.length === 0);
        expect(writer.isEmpty).toBe(inside.length === 0);
      }
      for (const left of inside) expect(read(reader)).toEqual(left);
      expect(read(reader)).toBeUndefined();
    }),
    { numRuns: 500 },
  );
  expect(taken).toBeGreaterThan(refused);
  expect(refused).toBeGreaterThan(100);
});

test("a record that is reserved and not committed is not seen, and its place is the next one's", () => {
  const { writer, reader } = openRings();
  writer.words.set([1, 2, 3], writer.reserve(3));
  expect(read(reader)).toBeUndefined();
  expect(write(writer, [7])).toBe(true);
  expect(read(reader)).toEqual([7]);
  expect(read(reader)).toBeUndefined();
});

test("a record that was seen and not released is seen again", () => {
  const { writer, reader } = openRings();
  write(writer, [1, 2]);
  expect(reader.peek()).toBe(reader.peek());
  expect(read(reader)).toEqual([1, 2]);
  expect(read(reader)).toBeUndefined();
});

test("a full ring refuses, has what was in it, and takes more when there is room", () => {
  const { writer, reader } = openRings();
  let count = 0;
  while (write(writer, [count])) count++;
  expect(count).toBe(CAPACITY / 2);
  expect(write(writer, [])).toBe(false);
  expect(read(reader)).toEqual([0]);
  expect(write(writer, [count])).toBe(true);
  for (let i = 1; i <= count; i++) expect(read(reader)).toEqual([i]);
  expect(reader.isEmpty).toBe(true);
});

test("a record that is longer than the ring is refused, and the next one passes", () => {
  const { writer, reader } = openRings();
  expect(writer.reserve(CAPACITY)).toBe(-1);
  expect(reader.isEmpty).toBe(true);
  expect(write(writer, new Array(LONGEST).fill(5))).toBe(true);
  expect(read(reader)).toEqual(new Array(LONGEST).fill(5));
});

test("positions pass the end of their 32 bits", () => {
  const { writer, reader } = openRings();
  // As after four billion words.
  const positions = new Int32Array(writer.words.buffer, 0, 2 * LINE_WORDS);
  for (const at of [0, LINE_WORDS]) positions[at] = -CAPACITY;
  for (let i = 0; i < 8; i++) {
    const long = new Array(LONGEST).fill(i);
    expect([write(writer, long), write(writer, long), write(writer, [])]).toEqual([true, true, false]);
    expect([read(reader), read(reader), read(reader)]).toEqual([long, long, undefined]);
  }
});

test("what is cleared is forgotten, for both", () => {
  const { writer, reader } = openRings();
  for (let i = 0; i < 5; i++) write(writer, [i]);
  read(reader);
  writer.clear();
  expect(read(reader)).toBeUndefined();
  write(writer, [9]);
  expect(read(reader)).toEqual([9]);
});

test("words and bytes are the same memory", () => {
  const { writer, reader } = openRings();
  const at = writer.reserve(1);
  writer.bytes.writeInt32LE(0x01020304, at * 4);
  writer.commit();
  expect(read(reader)).toEqual([0x01020304]);
});
