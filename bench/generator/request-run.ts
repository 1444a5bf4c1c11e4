/** Many clients, each through the same steps, so many at a time: the client that has rested longest comes next. */

import type { TransportAddress } from "../../src/stun/address.ts";
import { type Step, TIMEOUT, type TurnClient } from "./turn-client.ts";

const SCAN_MS = 25;
/** The server holds an allocation of the client's address still; coturn does for a second after its end. */
const ALLOCATION_MISMATCH = 437;

export interface RequestPlan {
  readonly steps: readonly Step[];
  readonly window: number;
  /** Clients that go through the steps: each once, or over and over until this time. */
  readonly untilMs?: number;
  readonly peerOf: (client: TurnClient) => TransportAddress | undefined;
  /** A client is through; `error`: the first one that it met, 0 for none. */
  readonly ended?: (startMs: number, endMs: number, error: number) => void;
}

export class RequestRun {
  /** By error code or "timeout". */
  readonly failures = new Map<string, number>();
  readonly finished: Promise<void>;
  readonly #clients: readonly TurnClient[];
  readonly #plan: RequestPlan;
  /** Those at rest: a ring from `#started` on, the one that has rested longest first. Whoever is through goes to its end. */
  readonly #resting: TurnClient[];
  #started = 0;
  #ended = 0;
  #active = 0;
  #nextScanMs = 0;
  #finish: () => void = () => undefined;

  constructor(clients: readonly TurnClient[], plan: RequestPlan) {
    this.#clients = clients;
    this.#plan = plan;
    this.#resting = [...clients];
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  tick(nowMs: number): void {
    const { window, untilMs } = this.#plan;
    while (this.#active < window && this.#mayStart(nowMs)) this.#begin(nowMs);
    if (nowMs >= this.#nextScanMs) {
      for (const client of this.#clients) client.resend(nowMs);
      this.#nextScanMs = nowMs + SCAN_MS;
    }
    const isOver = untilMs === undefined ? this.#started === this.#clients.length : nowMs >= untilMs;
    if (isOver && this.#active === 0) this.#finish();
  }

  #mayStart(nowMs: number): boolean {
    const { untilMs } = this.#plan;
    if (untilMs === undefined) return this.#started < this.#clients.length;
    return nowMs < untilMs && this.#active < this.#clients.length;
  }

  #begin(nowMs: number): void {
    const client = this.#resting[this.#started++ % this.#clients.length] as TurnClient;
    this.#active++;
    if (this.#plan.steps[0] === "allocate") client.forget();
    this.#step(client, 0, nowMs, 0);
  }

  #step(client: TurnClient, index: number, startMs: number, failure: number): void {
    const { steps, peerOf } = this.#plan;
    const step = steps[index];
    if (step === undefined || (step === "free" && client.relayed === undefined))
      return this.#end(client, startMs, failure);
    client.request(step, peerOf(client), (error) => {
      if (error === 0) return this.#step(client, index + 1, startMs, failure);
      const first = failure === 0 ? error : failure;
      if (error === ALLOCATION_MISMATCH && step === "allocate")
        return void client.open().then(() => this.#end(client, startMs, first));
      // What it holds is not left behind.
      const last = steps.length - 1;
      if (steps[last] === "free" && index < last) return this.#step(client, last, startMs, first);
      this.#end(client, startMs, first);
    });
  }

  #end(client: TurnClient, startMs: number, failure: number): void {
    this.#resting[this.#ended++ % this.#clients.length] = client;
    this.#active--;
    if (failure !== 0) {
      const name = failure === TIMEOUT ? "timeout" : String(failure);
      this.failures.set(name, (this.failures.get(name) ?? 0) + 1);
    }
    this.#plan.ended?.(startMs, performance.now(), failure);
  }
}
