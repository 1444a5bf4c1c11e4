/**
 * Limits unauthenticated answers per source, so that a forged source cannot make us a reflector. One fixed table of token buckets
 * serves every source: nothing is stored per source, and memory does not grow under a flood. The place in the table is a keyed hash, so
 * that nobody can choose to share a bucket with somebody else.
 */

import { randomBytes } from "node:crypto";
import type { IpAddress } from "../stun/address.ts";
import type { MonotonicClock } from "./ports.ts";

const BUCKETS = 1 << 16;

export interface SourceLimits {
  /** Answers that a source may have at once. */
  readonly burst: number;
  /** Answers per second after that. */
  readonly perSecond: number;
}

export class SourceLimiter {
  readonly #limits: SourceLimits;
  readonly #clock: MonotonicClock;
  readonly #seed: number;
  readonly #tokens: Float32Array;
  readonly #filledAtMs: Float64Array;

  constructor(limits: SourceLimits, clock: MonotonicClock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#seed = randomBytes(4).readUInt32LE(0);
    this.#tokens = new Float32Array(BUCKETS).fill(limits.burst);
    this.#filledAtMs = new Float64Array(BUCKETS).fill(clock());
  }

  /** Takes one answer from the source's bucket; false when it is empty. */
  take(source: IpAddress): boolean {
    const bucket = this.#bucketOf(source);
    const now = this.#clock();
    const elapsedMs = now - (this.#filledAtMs[bucket] ?? now);
    const refilled = (this.#tokens[bucket] ?? 0) + (elapsedMs * this.#limits.perSecond) / 1000;
    const tokens = Math.min(this.#limits.burst, refilled);
    this.#filledAtMs[bucket] = now;
    this.#tokens[bucket] = tokens < 1 ? tokens : tokens - 1;
    return tokens >= 1;
  }

  /** An IPv6 source is its /64: whoever has one address there has them all. */
  #bucketOf(source: IpAddress): number {
    let hash = this.#seed;
    hash = mix(hash, source.family === 4 ? source.w3 : source.w0);
    hash = mix(hash, source.family === 4 ? 0 : source.w1);
    return (hash ^ (hash >>> 16)) & (BUCKETS - 1);
  }
}

/** One round of MurmurHash3. */
function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  let h = hash ^ Math.imul(k, 0x1b873593);
  h = (h << 13) | (h >>> 19);
  h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  return h ^ (h >>> 13);
}
