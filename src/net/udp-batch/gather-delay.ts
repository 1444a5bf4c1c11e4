/**
 * Whether to let packets gather before they are read. At light load each packet costs a wake-up and waits for nobody; at a middling one a
 * short sleep brings several per wake-up; under full load each round finds many anyway.
 */

export const GATHER_MICROSECONDS = 250;

const LIGHT_PACKETS_PER_SECOND = 2000;
/** Rounds that bring this many need no help. */
const LARGE_ROUND = 16;
const WINDOW_MS = 100;

export class GatherDelay {
  #sinceMs = 0;
  #packets = 0;
  #isBusy = false;
  #lastRound = 0;

  count(packets: number): void {
    if (packets > 0) this.#lastRound = packets;
    this.#packets += packets;
  }

  /** Packets of a round after which another one is made at once. While packets gather, a small round has taken what there was. */
  get worthAnotherRound(): number {
    return this.#isBusy ? LARGE_ROUND : 1;
  }

  isDue(nowMs: number): boolean {
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs >= WINDOW_MS) {
      this.#isBusy = this.#packets * 1000 >= LIGHT_PACKETS_PER_SECOND * elapsedMs;
      this.#packets = 0;
      this.#sinceMs = nowMs;
    }
    return this.#isBusy && this.#lastRound < LARGE_ROUND;
  }
}
