/**
 * A bucket of tokens, bytes or packets, that refills steadily. It is one number: the time at which it will be full again. Each token that
 * is taken moves that on by what one takes at the rate; it may lie ahead of now by what the bucket holds, and no further.
 */
export class TokenBucket {
  readonly #msPerToken: number;
  readonly #holdsMs: number;
  #fullAtMs = Number.NEGATIVE_INFINITY;

  constructor(perSecond: number, burst: number) {
    this.#msPerToken = 1000 / perSecond;
    this.#holdsMs = burst * this.#msPerToken;
  }

  has(tokens: number, nowMs: number): boolean {
    const from = Math.max(this.#fullAtMs, nowMs);
    return from + tokens * this.#msPerToken - nowMs <= this.#holdsMs;
  }

  /** Only what it has. */
  take(tokens: number, nowMs: number): void {
    const from = Math.max(this.#fullAtMs, nowMs);
    this.#fullAtMs = from + tokens * this.#msPerToken;
  }

  /** Nothing is missing: a new one would be the same. */
  isFull(nowMs: number): boolean {
    return this.#fullAtMs <= nowMs;
  }
}
