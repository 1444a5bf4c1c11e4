/** When packets are sent: evenly spaced, or as many as keep a window full. */

import { Histogram } from "./histogram.ts";
import { Meter, type Reading } from "./meter.ts";
import type { GeneratorOptions } from "./options.ts";
import type { Wire } from "./wire.ts";

/** After so long behind, what is owed is not sent in one burst. */
const BEHIND_MS = 50;
const STALL_MS = 50;
const DRAIN_MS = 300;
const MAX_PER_TICK = 64;

export interface Source {
  /** 0, or 0 and 1. */
  readonly directions: readonly number[];
  /** How many send in each direction, one after the other. */
  readonly count: number;
  send(direction: number, index: number, nowMs: number): void;
}

/** One measurement: warm up, measure, wait for what is on its way. Packets that were sent while it measured count. */
export class Pacer {
  readonly latencies = new Histogram();
  sent = 0;
  received = 0;
  late = 0;
  readonly #options: GeneratorOptions;
  readonly #wire: Wire;
  readonly #source: Source;
  readonly #meter: Meter;
  readonly #low: number;
  readonly #inFlight = [0, 0];
  readonly #lastReceivedMs = [0, 0];
  readonly #next = [0, 0];
  readonly #gapMs: number;
  #dueMs = 0;
  #turn = 0;
  #startMs = 0;
  #endMs = 0;
  #begun: Reading | undefined;
  #spent: Reading | undefined;
  #finish: (spent: Reading) => void = () => undefined;

  constructor(options: GeneratorOptions, wire: Wire, source: Source) {
    this.#options = options;
    this.#wire = wire;
    this.#source = source;
    this.#meter = new Meter(options.pid, wire);
    this.#low = Math.floor((options.window * 3) / 4);
    this.#gapMs = 1000 / (options.pps * source.count * source.directions.length);
  }

  /** What was spent while it measured. */
  async run(): Promise<Reading> {
    const nowMs = performance.now();
    this.#startMs = nowMs + this.#options.warm * 1000;
    this.#endMs = this.#startMs + this.#options.secs * 1000;
    this.#dueMs = nowMs;
    this.#lastReceivedMs.fill(nowMs);
    const finished = new Promise<Reading>((resolve) => {
      this.#finish = resolve;
    });
    this.#wire.onTick = this.#tick;
    const spent = await finished;
    this.#wire.onTick = () => undefined;
    return spent;
  }

  /** A packet has arrived that was sent then. */
  arrived(direction: number, sentAtMs: number): void {
    const nowMs = performance.now();
    this.#lastReceivedMs[direction] = nowMs;
    const left = (this.#inFlight[direction] as number) - 1;
    this.#inFlight[direction] = left;
    if (this.#counts(sentAtMs)) {
      this.received++;
      this.latencies.add(nowMs - sentAtMs);
    }
    if (this.#options.pps === 0 && left <= this.#low && nowMs < this.#endMs) this.#fill(direction, nowMs);
  }

  #counts(sentAtMs: number): boolean {
    return sentAtMs >= this.#startMs && sentAtMs < this.#endMs;
  }

  readonly #tick = (nowMs: number): void => {
    if (this.#begun === undefined && nowMs >= this.#startMs) this.#begun = this.#meter.read();
    if (nowMs < this.#endMs) return this.#options.pps === 0 ? this.#keepFull(nowMs) : this.#pace(nowMs);
    if (this.#spent === undefined && this.#begun !== undefined) this.#spent = this.#meter.since(this.#begun);
    if (this.#spent !== undefined && nowMs >= this.#endMs + DRAIN_MS) this.#finish(this.#spent);
  };

  #pace(nowMs: number): void {
    const { directions } = this.#source;
    if (nowMs > this.#dueMs + BEHIND_MS) {
      this.late++;
      this.#dueMs = nowMs;
    }
    for (let i = 0; i < MAX_PER_TICK && nowMs >= this.#dueMs; i++) {
      this.#send(directions[this.#turn++ % directions.length] as number, nowMs);
      this.#dueMs += this.#gapMs;
    }
  }

  #keepFull(nowMs: number): void {
    for (const direction of this.#source.directions) {
      // All of them are lost.
      if (nowMs > (this.#lastReceivedMs[direction] as number) + STALL_MS) {
        this.#inFlight[direction] = 0;
        this.#lastReceivedMs[direction] = nowMs;
      }
      if (this.#inFlight[direction] === 0) this.#fill(direction, nowMs);
    }
  }

  #fill(direction: number, nowMs: number): void {
    while ((this.#inFlight[direction] as number) < this.#options.window) this.#send(direction, nowMs);
  }

  #send(direction: number, nowMs: number): void {
    const index = this.#next[direction] as number;
    this.#next[direction] = index + 1 === this.#source.count ? 0 : index + 1;
    this.#inFlight[direction] = (this.#inFlight[direction] as number) + 1;
    if (this.#counts(nowMs)) this.sent++;
    this.#source.send(direction, index, nowMs);
  }
}
