/** Members who join, one after the other at an even pace: a connection, a room of their own, and out again. */

import { setTimeout as delay } from "node:timers/promises";
import { SignalingClient } from "../test/support/signaling-client.ts";
import { Histogram } from "./generator/histogram.ts";

/** More than so many at once are not begun: the server answers none of them. */
const MAX_AT_ONCE = 50;

export interface JoinTimes {
  readonly joins: number;
  /** That were refused, or not begun. */
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export class JoinLoad {
  readonly #url: string;
  readonly #gapMs: number;
  #latencies = new Histogram();
  #joins = 0;
  #failed = 0;
  #atOnce = 0;
  #rooms = 0;

  /** `url`: ws://127.0.0.1:8080/signal */
  constructor(url: string, perSecond: number) {
    this.#url = url;
    this.#gapMs = 1000 / perSecond;
  }

  /** Joins as long as the work goes on, and at least once. */
  async during(work: Promise<unknown>): Promise<JoinTimes> {
    let isOver = false;
    const end = () => {
      isOver = true;
    };
    work.then(end, end);
    const running = new Set<Promise<void>>();
    do {
      if (this.#atOnce < MAX_AT_ONCE) {
        const join: Promise<void> = this.#join().finally(() => running.delete(join));
        running.add(join);
      } else this.#failed++;
      await delay(this.#gapMs);
    } while (!isOver);
    await Promise.all(running);
    return this.#take();
  }

  /** From asking for a connection until the seat is there. */
  async #join(): Promise<void> {
    this.#atOnce++;
    try {
      const startMs = performance.now();
      const member = await SignalingClient.open(this.#url);
      await member.join(`soak-${this.#rooms++}`);
      this.#latencies.add(performance.now() - startMs);
      this.#joins++;
      member.send({ type: "leave" });
      member.webSocket.close();
      await member.closed;
    } catch {
      this.#failed++;
    } finally {
      this.#atOnce--;
    }
  }

  #take(): JoinTimes {
    const times = {
      joins: this.#joins,
      failed: this.#failed,
      p50Ms: this.#latencies.quantileMs(0.5),
      p99Ms: this.#latencies.quantileMs(0.99),
    };
    this.#latencies = new Histogram();
    this.#joins = 0;
    this.#failed = 0;
    return times;
  }
}
