/** How much a connection may send, and how much nonsense is borne before it ends. */

import { TokenBucket } from "./rate-limit.ts";

/** Bad messages in a row that end the connection. */
const MAX_BAD_IN_ROW = 20;
/** Of the answers to messages above the rate, after a first burst. */
const REFUSALS_PER_SECOND = 1;

export interface IntakeLimits {
  readonly maxMessageBytes: number;
  readonly messageBurst: number;
  readonly messagesPerSecond: number;
}

export class Intake {
  readonly #limits: IntakeLimits;
  /** Undefined: no limit. */
  readonly #messages: TokenBucket | undefined;
  /** Over-rate messages are answered as long as this lasts; made for the first of them. */
  #refusals: TokenBucket | undefined;
  #badInRow = 0;

  constructor(limits: IntakeLimits, isLimited: boolean, nowMs: number) {
    this.#limits = limits;
    if (isLimited) this.#messages = new TokenBucket(limits.messageBurst, nowMs);
  }

  /** Weighs one message: over the rate, over it for too long, or over the size. */
  weigh(text: string, nowMs: number): "fine" | "over-rate" | "flood" | "too-large" {
    const { messageBurst, messagesPerSecond } = this.#limits;
    if (this.#messages?.take(messageBurst, messagesPerSecond, nowMs) === false) {
      this.#refusals ??= new TokenBucket(messageBurst, nowMs);
      return this.#refusals.take(messageBurst, REFUSALS_PER_SECOND, nowMs) ? "over-rate" : "flood";
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
    const { maxMessageBytes } = this.#limits;
    // One UTF-16 unit is one to three bytes of UTF-8.
    if (text.length * 3 <= maxMessageBytes) return false;
    return text.length > maxMessageBytes || Buffer.byteLength(text) > maxMessageBytes;
  }
}
