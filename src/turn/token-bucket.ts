/**
 * A bucket of bytes that refills steadily. It is one number: the time at which it will be full again. Each byte that is taken moves
 * that on by what a byte takes at the rate; it may lie ahead of now by what the bucket holds, and no further.
 */
export class TokenBucket {
  readonly #msPerByte: number;
  readonly #holdsMs: number;
  #fullAtMs = Number.NEGATIVE_INFINITY;

  constructor(bitsPerSecond: number, burstBytes: number) {
    this.#msPerByte = 8000 / bitsPerSecond;
    this.#holdsMs = burstBytes * this.#msPerByte;
  }

  has(bytes: number, nowMs: number): boolean {
    const from = Math.max(this.#fullAtMs, nowMs);
    return from + bytes * this.#msPerByte - nowMs <= this.#holdsMs;
  }

  /** Only what it has. */
  take(bytes: number, nowMs: number): void {
    const from = Math.max(this.#fullAtMs, nowMs);
    this.#fullAtMs = from + bytes * this.#msPerByte;
  }

  /** Nothing is missing: a new one would be the same. */
  isFull(nowMs: number): boolean {
    return this.#fullAtMs <= nowMs;
  }
}
