/** A token bucket: the server refuses what comes faster than `limits.messagesPerSecond`, so the SDK does not send it. */

export class Pacer {
  #perSecond: number;
  #tokens: number;
  #filledAtMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
    this.#filledAtMs = nowMs;
  }

  setRate(perSecond: number): void {
    this.#perSecond = perSecond;
  }

  /** 0: one message may go now, and was counted. Otherwise the milliseconds to wait. */
  take(nowMs: number): number {
    const refill = ((nowMs - this.#filledAtMs) * this.#perSecond) / 1000;
    this.#tokens = Math.min(this.#perSecond, this.#tokens + Math.max(0, refill));
    this.#filledAtMs = nowMs;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.ceil(((1 - this.#tokens) * 1000) / this.#perSecond);
  }
}
