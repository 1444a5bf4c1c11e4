/**
 * Limits unauthenticated answers per source, so that a forged source cannot make us a reflector. One fixed table serves every source, and
 * every thread that holds it: nothing is stored per source, and memory does not grow under a flood.
 *
 * A cell of the table is a token bucket as one number: when it will be full again. Each source has two cells, one in each row, at
 * places that a keyed hash gives, so that nobody can choose to share a cell with somebody else. Sources that share a cell only ever
 * move it on, and the source's bucket is the fuller one of its two. So
 * - no source ever gets more than its limit, whatever else comes: there is no entry that a flood could push out;
 * - a source goes without only where both cells are empty by others. Of 10,000 sources that take all they can, that is 2 in 100 of the
 *   rest; of forged sources that come once each, it takes some three million a second at the default rate.
 *
 * Threads read and write plainly, and what one takes while another is between its read and its write is forgotten: mostly one answer.
 * Two that are flooded by one source with 200,000 packets a second each gave it up to a tenth more than its limit.
 */

import { randomFillSync } from "node:crypto";
import type { IpAddress, IpFamily } from "../stun/address.ts";
import type { MonotonicClock } from "./ports.ts";

/** Cells of a row; a place is 16 bits of the hash. */
const ROW_CELLS = 1 << 16;
/** Before the cells: what keys the hash, two words for each family. */
const KEY_WORDS = 4;
const KEY_BYTES = KEY_WORDS * Uint32Array.BYTES_PER_ELEMENT;
const SOURCE_TABLE_BYTES = KEY_BYTES + 2 * ROW_CELLS * Float64Array.BYTES_PER_ELEMENT;
/** Of an answer: sums of times that are no whole milliseconds must not cost one. */
const ROUNDING = 0.001;

export interface SourceLimits {
  /** Answers that a source may have at once. */
  readonly burst: number;
  /** Answers per second after that. */
  readonly perSecond: number;
}

/** A table for limiters in several threads. */
export function createSourceTable(): SharedArrayBuffer {
  const table = new SharedArrayBuffer(SOURCE_TABLE_BYTES);
  setKey(table);
  return table;
}

export class SourceLimiter {
  readonly #clock: MonotonicClock;
  readonly #msPerAnswer: number;
  /** What may be missing of a bucket that still gives an answer. */
  readonly #latestMs: number;
  readonly #key: Uint32Array;
  readonly #fullAtMs: Float64Array;

  /** Limiters over one table are one, given that they have the same limits and clocks with the same zero, which is not ahead of now. */
  constructor(
    { burst, perSecond }: SourceLimits,
    clock: MonotonicClock,
    table: ArrayBufferLike = ownTable(),
  ) {
    this.#clock = clock;
    this.#msPerAnswer = 1000 / perSecond;
    this.#latestMs = (burst - 1 + ROUNDING) * this.#msPerAnswer;
    this.#key = new Uint32Array(table, 0, KEY_WORDS);
    this.#fullAtMs = new Float64Array(table, KEY_BYTES);
  }

  /** Takes one answer from the source's bucket; false when it is empty. An IPv6 source is its /64: who has one address there has all. */
  take({ family, w0, w1, w3 }: IpAddress, nowMs = this.#clock()): boolean {
    return family === 4 ? this.#take(0, w3, 0, nowMs) : this.#take(2, w0, w1, nowMs);
  }

  /**
   * The same for the source whose 4 or 16 bytes, in network order, begin at bytes[offset]. An IPv4 address in IPv6's clothes is to be
   * given as IPv4.
   */
  takeBytes(bytes: Uint8Array, offset: number, family: IpFamily, nowMs = this.#clock()): boolean {
    const first = wordAt(bytes, offset);
    return family === 4
      ? this.#take(0, first, 0, nowMs)
      : this.#take(2, first, wordAt(bytes, offset + 4), nowMs);
  }

  #take(keyAt: 0 | 2, first: number, second: number, nowMs: number): boolean {
    const key = this.#key;
    const cells = this.#fullAtMs;
    const hash = mix(mix(first ^ (key[keyAt] as number)) ^ second ^ (key[keyAt + 1] as number));
    const one = hash & (ROW_CELLS - 1);
    const other = ROW_CELLS + (hash >>> 16);
    const oneMs = cells[one] as number;
    const otherMs = cells[other] as number;
    const fromMs = Math.max(Math.min(oneMs, otherMs), nowMs);
    if (fromMs - nowMs > this.#latestMs) return false;
    const fullAtMs = fromMs + this.#msPerAnswer;
    if (oneMs < fullAtMs) cells[one] = fullAtMs;
    if (otherMs < fullAtMs) cells[other] = fullAtMs;
    return true;
  }
}

function ownTable(): ArrayBuffer {
  const table = new ArrayBuffer(SOURCE_TABLE_BYTES);
  setKey(table);
  return table;
}

function setKey(table: ArrayBufferLike): void {
  randomFillSync(new Uint32Array(table, 0, KEY_WORDS));
}

function wordAt(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset] as number) << 24) |
    ((bytes[offset + 1] as number) << 16) |
    ((bytes[offset + 2] as number) << 8) |
    (bytes[offset + 3] as number)
  );
}

/** The end of MurmurHash3: every bit of the word is in every bit of the result. */
function mix(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
