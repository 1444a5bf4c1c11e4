/**
 * A bucket of tokens, bytes or packets, that refills steadily. It is one number: the time at which it will be full again. Each token that
 * is taken moves that on by what one takes at the rate; it may lie ahead of now by what the bucket holds, and further by what is owed.
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

  /** What is more than it has, is owed. */
  take(tokens: number, nowMs: number): void {
    const from = Math.max(this.#fullAtMs, nowMs);
    this.#fullAtMs = from + tokens * this.#msPerToken;
  }

  /** How long until nothing is owed. */
  owedMs(nowMs: number): number {
    return Math.max(0, this.#fullAtMs - this.#holdsMs - nowMs);
  }

  /** Nothing is missing: a new one would be the same. */
  isFull(nowMs: number): boolean {
    return this.#fullAtMs <= nowMs;
  }
}
