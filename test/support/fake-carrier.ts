/** Carries nothing: remembers what it was given, and counts what the test says. */

import { BUCKET_CELL_BYTES, BucketCells } from "../../src/turn/bucket-cells.ts";
import type {
  BindingRules,
  CarriedFlow,
  CarriedTotals,
  FlowCarrier,
  FlowCounts,
  FlowEnds,
} from "../../src/turn/flow-carrier.ts";
import { NOTHING_CARRIED, NOTHING_COUNTED } from "../../src/turn/flows.ts";
import { createSourceTable } from "../../src/turn/source-limiter.ts";

const BUCKETS = 64;

export class FakeFlow implements CarriedFlow {
  readonly ends: FlowEnds;
  expiresAtMs: number;
  isOver = false;
  #counts = NOTHING_COUNTED;
  #settled: (() => void) | undefined;

  constructor(ends: FlowEnds) {
    this.ends = ends;
    this.expiresAtMs = ends.expiresAtMs;
  }

  extend(expiresAtMs: number): void {
    this.expiresAtMs = expiresAtMs;
  }

  counts(): FlowCounts {
    return this.#counts;
  }

  /** It has carried so much by now. */
  carried(counts: Partial<FlowCounts>): void {
    this.#counts = { ...this.#counts, ...counts };
  }

  end(settled?: () => void): void {
    this.isOver = true;
    this.#settled = settled;
  }

  /** Whoever carried it says that its counts are final. */
  settle(): void {
    this.#settled?.();
  }
}

export class FakeCarrier implements FlowCarrier {
  readonly sourceTable = createSourceTable();
  readonly bucketCells = new BucketCells(new SharedArrayBuffer(BUCKETS * BUCKET_CELL_BYTES));
  /** All that there were, in order. */
  readonly flows: FakeFlow[] = [];
  isFull = false;
  bindingRules: BindingRules | undefined;
  #totals = NOTHING_CARRIED;

  /** Those that carry packets. */
  get live(): readonly FakeFlow[] {
    return this.flows.filter(({ isOver }) => !isOver);
  }

  answerBindings(rules: BindingRules): void {
    this.bindingRules = rules;
  }

  carry(ends: FlowEnds): CarriedFlow | undefined {
    if (this.isFull) return undefined;
    const flow = new FakeFlow(ends);
    this.flows.push(flow);
    return flow;
  }

  /** All threads together have carried so much by now. */
  carried(totals: Partial<CarriedTotals>): void {
    this.#totals = { ...this.#totals, ...totals };
  }

  totals(): CarriedTotals {
    return this.#totals;
  }
}
