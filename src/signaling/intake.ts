/** How much a connection may send, and how much nonsense is borne before it ends. */

import { type Rate, TokenBucket } from "./rate-limit.ts";

/** Bad messages in a row that end the connection. */
const MAX_BAD_IN_ROW = 20;

export interface IntakeOptions {
  readonly maxMessageBytes: number;
  /** Undefined: no limit. */
  readonly rate: Rate | undefined;
}

export class Intake {
  readonly #maxMessageBytes: number;
  readonly #messages: TokenBucket | undefined;
  /** Over-rate messages are answered as long as this lasts: a burst once, then one a second. */
  readonly #refusals: TokenBucket | undefined;
  #badInRow = 0;

  constructor({ maxMessageBytes, rate }: IntakeOptions, nowMs: number) {
    this.#maxMessageBytes = maxMessageBytes;
    if (rate === undefined) return;
    this.#messages = new TokenBucket(rate, nowMs);
    this.#refusals = new TokenBucket({ burst: rate.burst, perSecond: 1 }, nowMs);
  }

  /** Weighs one message: over the rate, over it for too long, or over the size. */
  weigh(text: string, nowMs: number): "fine" | "over-rate" | "flood" | "too-large" {
    if (this.#messages?.take(nowMs) === false) {
      return this.#refusals?.take(nowMs) === false ? "flood" : "over-rate";
    }
    return this.#isTooLarge(text) ? "too-large" : "fine";
  }

  /** A message of the right shape: earlier mistakes are forgotten. */
  forgive(): void {
    this.#badInRow = 0;
  }

  /** One bad message more. True: that was one too many. */
  isTooMuch(): boolean {
    this.#badInRow++;
    return this.#badInRow >= MAX_BAD_IN_ROW;
  }

  #isTooLarge(text: string): boolean {
    // One UTF-16 unit is one to three bytes of UTF-8.
    if (text.length * 3 <= this.#maxMessageBytes) return false;
    return text.length > this.#maxMessageBytes || Buffer.byteLength(text) > this.#maxMessageBytes;
  }
}
