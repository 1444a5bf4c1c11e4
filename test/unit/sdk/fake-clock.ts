/** A clock with timers that the test moves. */

import type { Environment, TimerId } from "../../../src/sdk/environment.ts";

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

export class FakeClock {
  nowMs = 0;
  readonly #timers = new Map<number, Timer>();
  #nextId = 1;

  get pending(): number {
    return this.#timers.size;
  }

  readonly timers: Pick<Environment, "now" | "setTimeout" | "clearTimeout"> = {
    now: () => this.nowMs,
    setTimeout: (callback, delayMs) => {
      const id = this.#nextId++;
      this.#timers.set(id, { atMs: this.nowMs + delayMs, callback });
      return id as unknown as TimerId;
    },
    clearTimeout: (timer) => {
      this.#timers.delete(timer as unknown as number);
    },
  };

  /** Runs what is due, in order, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    await settle();
    for (let due = this.#next(endMs); due !== undefined; due = this.#next(endMs)) {
      const [id, timer] = due;
      this.#timers.delete(id);
      this.nowMs = Math.max(this.nowMs, timer.atMs);
      timer.callback();
      await settle();
    }
    this.nowMs = endMs;
  }

  #next(endMs: number): [number, Timer] | undefined {
    const due = [...this.#timers].filter(([, timer]) => timer.atMs <= endMs);
    return due.sort(([, a], [, b]) => a.atMs - b.atMs)[0];
  }
}

/** Lets every promise that can settle do so: no clock is involved. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
