/** A token bucket on an injected clock. Its burst and rate come with every question: there is a bucket per connection. */

export class TokenBucket {
  #tokens: number;
  #filledAtMs: number;

  constructor(burst: number, nowMs: number) {
    this.#tokens = burst;
    this.#filledAtMs = nowMs;
  }

  /** Takes one token; false when there is none. */
  take(burst: number, perSecond: number, nowMs: number): boolean {
    const refill = ((nowMs - this.#filledAtMs) * perSecond) / 1000;
    this.#tokens = Math.min(burst, this.#tokens + Math.max(0, refill));
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
