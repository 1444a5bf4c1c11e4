/**
 * Records from one thread to another, in order and without a lock: one thread writes, one reads. A record is a run of 32-bit words that
 * never wraps around the end: one of up to half the capacity always fits into an empty ring.
 */

const READ = 0;
const WRITTEN = 1;
/** Before the words: the two positions, each in a cache line of its own. */
const LINE_WORDS = 16;
/** In the place of a record's length: nothing more until the end. */
const WRAP = 0;

export class RecordRing {
  readonly words: Int32Array;
  /** The same bytes. */
  readonly bytes: Buffer;
  readonly #positions: Int32Array;
  readonly #capacity: number;
  #pending = 0;
  #next = 0;
  #length = 0;

  /** `capacity` in words: a power of two. */
  static allocate(capacity: number): SharedArrayBuffer {
    return new SharedArrayBuffer((2 * LINE_WORDS + capacity) * 4);
  }

  constructor(memory: SharedArrayBuffer) {
    this.#positions = new Int32Array(memory, 0, 2 * LINE_WORDS);
    this.words = new Int32Array(memory, 2 * LINE_WORDS * 4);
    this.bytes = Buffer.from(memory, 2 * LINE_WORDS * 4);
    this.#capacity = this.words.length;
  }

  get isEmpty(): boolean {
    return this.#load(READ) === this.#load(WRITTEN);
  }

  /** Forgets what is in it. Only while nobody writes or reads. */
  clear(): void {
    Atomics.store(this.#positions, READ * LINE_WORDS, 0);
    Atomics.store(this.#positions, WRITTEN * LINE_WORDS, 0);
  }

  /** Where a record of so many words is to be written, until `commit`; -1: there is no room now. */
  reserve(length: number): number {
    const written = this.#load(WRITTEN);
    const used = (written - this.#load(READ)) >>> 0;
    let at = written & (this.#capacity - 1);
    const untilEnd = this.#capacity - at;
    const skipped = length + 1 > untilEnd ? untilEnd : 0;
    if (used + skipped + length + 1 > this.#capacity) return -1;
    if (skipped > 0) {
      this.words[at] = WRAP;
      at = 0;
    }
    this.words[at] = length + 1;
    this.#pending = written + skipped + length + 1;
    return at + 1;
  }

  /** The record that was reserved is whole: the reader sees it from now on. */
  commit(): void {
    Atomics.store(this.#positions, WRITTEN * LINE_WORDS, this.#pending);
  }

  /** Where the next record is, until `release`; -1: there is none. */
  peek(): number {
    let read = this.#load(READ);
    if (read === this.#load(WRITTEN)) return -1;
    let at = read & (this.#capacity - 1);
    if (this.words[at] === WRAP) {
      read += this.#capacity - at;
      at = 0;
    }
    const length = this.words[at] as number;
    this.#length = length - 1;
    this.#next = read + length;
    return at + 1;
  }

  /** In words, of the record that was seen last. */
  get length(): number {
    return this.#length;
  }

  /** The record that was seen last is done with. */
  release(): void {
    Atomics.store(this.#positions, READ * LINE_WORDS, this.#next);
  }

  #load(position: typeof READ | typeof WRITTEN): number {
    return Atomics.load(this.#positions, position * LINE_WORDS);
  }
}
