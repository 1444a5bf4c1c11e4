/**
 * A bucket of tokens, bytes or packets, that refills steadily. It is one number: the time at which it will be full again. Each token that
 * is taken moves that on by what one takes at the rate; it may lie ahead of now by what the bucket holds, and further by what is owed.
 *
 * Threads that put that number in the same cell of shared memory (`bucket-cells.ts`) have one bucket, by clocks with the same zero. They
 * read and write it plainly: what one takes while another is between its read and its write is forgotten, mostly one packet.
 */
export class TokenBucket {
  readonly perSecond: number;
  readonly burst: number;
  /** Where other threads find its number; undefined: it is nobody else's. */
  readonly cellIndex: number | undefined;
  readonly #msPerToken: number;
  readonly #holdsMs: number;
  readonly #cells: Float64Array | undefined;
  #fullAtMs = Number.NEGATIVE_INFINITY;

  /** With `cells`, it goes on with what its cell holds. */
  constructor(perSecond: number, burst: number, cells?: Float64Array, cellIndex = 0) {
    this.perSecond = perSecond;
    this.burst = burst;
    this.cellIndex = cells && cellIndex;
    this.#msPerToken = 1000 / perSecond;
    this.#holdsMs = burst * this.#msPerToken;
    this.#cells = cells;
  }

  has(tokens: number, nowMs: number): boolean {
    return this.#fullFrom(nowMs) + tokens * this.#msPerToken - nowMs <= this.#holdsMs;
  }

  /** What is more than it has, is owed. */
  take(tokens: number, nowMs: number): void {
    const fullAtMs = this.#fullFrom(nowMs) + tokens * this.#msPerToken;
    if (this.#cells === undefined) this.#fullAtMs = fullAtMs;
    else this.#cells[this.cellIndex as number] = fullAtMs;
  }

  /** How long until nothing is owed. */
  owedMs(nowMs: number): number {
    return Math.max(0, this.#fullFrom(nowMs) - this.#holdsMs - nowMs);
  }

  /** Nothing is missing: a new one would be the same. */
  isFull(nowMs: number): boolean {
    return this.#fullFrom(nowMs) <= nowMs;
  }

  /** When it will be full, now at the earliest. */
  #fullFrom(nowMs: number): number {
    const fullAtMs =
      this.#cells === undefined ? this.#fullAtMs : (this.#cells[this.cellIndex as number] as number);
    return Math.max(fullAtMs, nowMs);
  }
}
