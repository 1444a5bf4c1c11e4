/**
 * Where token buckets have their numbers when several threads take from them: one buffer, one cell per bucket. One thread, the one that
 * owns the buckets, hands cells out and takes them back; the others only need to know the index.
 */

/** A cell has a cache line to itself: threads that take from two buckets do not wait for each other. */
export const BUCKET_CELL_BYTES = 64;
const STRIDE = BUCKET_CELL_BYTES / Float64Array.BYTES_PER_ELEMENT;

export class BucketCells {
  /** For `new TokenBucket(perSecond, burst, cells, index)`, over the same buffer in any thread. */
  readonly cells: Float64Array;
  readonly #capacity: number;
  /** Cells that were never used begin here. */
  #fresh = 0;
  /** A ring of those that came back. */
  readonly #back: Uint32Array;
  #backAt = 0;
  #backCount = 0;

  /** Has room for one bucket per 64 bytes of the buffer, which may be shared. */
  constructor(buffer: ArrayBufferLike) {
    this.cells = new Float64Array(buffer);
    this.#capacity = Math.floor(buffer.byteLength / BUCKET_CELL_BYTES);
    this.#back = new Uint32Array(this.#capacity);
  }

  get freeCount(): number {
    return this.#capacity - this.#fresh + this.#backCount;
  }

  /**
   * The index of a full bucket's cell; undefined: all are in use. One that came back is used again as late as can be: a thread that has
   * not heard yet that a bucket is over takes from nobody else's.
   */
  take(): number | undefined {
    let index: number;
    if (this.#fresh < this.#capacity) {
      index = this.#fresh++ * STRIDE;
    } else if (this.#backCount > 0) {
      index = this.#back[this.#backAt] as number;
      this.#backAt = (this.#backAt + 1) % this.#capacity;
      this.#backCount--;
    } else {
      return undefined;
    }
    this.cells[index] = Number.NEGATIVE_INFINITY;
    return index;
  }

  /** Takes back, once, what `take` gave. */
  giveBack(index: number): void {
    this.#back[(this.#backAt + this.#backCount) % this.#capacity] = index;
    this.#backCount++;
  }
}
