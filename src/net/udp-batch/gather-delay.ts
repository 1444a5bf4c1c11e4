/**
 * Whether to let packets gather before they are read. At light load each packet costs a wake-up and waits for nobody; at a middling one a
 * short sleep brings several per wake-up; under full load each round finds many anyway.
 */

export const GATHER_MICROSECONDS = 250;

const LIGHT_PACKETS_PER_SECOND = 2000;
/** Rounds that bring this many need no help. */
const LARGE_ROUND = 16;
const WINDOW_MS = 100;

/** How to go on after a round: wait for the next packet, let some gather, or look again at once. */
export type Pace = "wait" | "gather" | "hurry";

export class GatherDelay {
  #sinceMs = 0;
  #packets = 0;
  #isBusy = false;
  #lastRound = 0;

  /** What a round brought. */
  count(packets: number): void {
    this.#lastRound = packets;
    this.#packets += packets;
  }

  pace(nowMs: number): Pace {
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs >= WINDOW_MS) {
      this.#isBusy = this.#packets * 1000 >= LIGHT_PACKETS_PER_SECOND * elapsedMs;
      this.#packets = 0;
      this.#sinceMs = nowMs;
    }
    if (this.#isBusy) return this.#lastRound < LARGE_ROUND ? "gather" : "hurry";
    // A single packet may be followed by its answer, a voice stream never is: what comes next is worth a look.
    return this.#lastRound > 0 ? "hurry" : "wait";
  }
}
