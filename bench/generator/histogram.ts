/** Latencies: 32 steps per power of two, so within 3 %. */

const STEPS = 32;
const NANOSECONDS_PER_MS = 1e6;
const LONGEST = 0xffff_ffff;

export class Histogram {
  readonly #counts = new Float64Array(32 * STEPS);
  #total = 0;

  add(latencyMs: number): void {
    const nanoseconds = Math.min(LONGEST, Math.max(STEPS, Math.round(latencyMs * NANOSECONDS_PER_MS))) >>> 0;
    const power = 31 - Math.clz32(nanoseconds);
    const index = power * STEPS + ((nanoseconds >>> (power - 5)) & (STEPS - 1));
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#total++;
  }

  /** 0 where nothing was added. `share`: 0.5 is the median. */
  quantileMs(share: number): number {
    const wanted = share * this.#total;
    let seen = 0;
    for (const [index, count] of this.#counts.entries()) {
      seen += count;
      if (seen > wanted) return middleOf(index) / NANOSECONDS_PER_MS;
    }
    return 0;
  }
}

function middleOf(index: number): number {
  const step = 2 ** (Math.floor(index / STEPS) - 5);
  return (STEPS + (index % STEPS) + 0.5) * step;
}
