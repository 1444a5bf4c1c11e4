/**
 * Whether to let packets gather before they are read, and for how long. At light load each packet costs a wake-up and waits for nobody; at
 * a middling one a short sleep brings several per wake-up, and the fewer packets come, the longer it is, up to a bound; under full load
 * each round finds many anyway.
 *
 *   packets per second    below 2,000    5,000    10,000    more      full rounds
 *   sleep                 none           600 µs   300 µs    250 µs    none
 */

const LIGHT_PACKETS_PER_SECOND = 2000;
/** What a sleep should bring. */
const PACKETS_PER_SLEEP = 3;
const MIN_GATHER_MICROSECONDS = 250;
const MAX_GATHER_MICROSECONDS = 600;
/** Rounds that bring this many need no help. */
const LARGE_ROUND = 16;
const WINDOW_MS = 100;

export class GatherDelay {
  #sinceMs = 0;
  #packets = 0;
  #lastRound = 0;
  /** While there is enough to gather. */
  #microseconds = 0;

  /** What a round brought. */
  count(packets: number): void {
    this.#lastRound = packets;
    this.#packets += packets;
  }

  /** How to go on after a round: wait for the next packet, look again at once (0), or let some gather for so many microseconds. */
  pace(nowMs: number): "wait" | number {
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs >= WINDOW_MS) {
      this.#microseconds = gatherMicroseconds((this.#packets * 1000) / elapsedMs);
      this.#packets = 0;
      this.#sinceMs = nowMs;
    }
    if (this.#microseconds > 0) return this.#lastRound < LARGE_ROUND ? this.#microseconds : 0;
    // A single packet may be followed by its answer, a voice stream never is: what comes next is worth a look.
    return this.#lastRound > 0 ? 0 : "wait";
  }
}

/** 0: they are too few. */
function gatherMicroseconds(packetsPerSecond: number): number {
  if (packetsPerSecond < LIGHT_PACKETS_PER_SECOND) return 0;
  const enough = (PACKETS_PER_SLEEP * 1_000_000) / packetsPerSecond;
  return Math.round(Math.min(MAX_GATHER_MICROSECONDS, Math.max(MIN_GATHER_MICROSECONDS, enough)));
}
