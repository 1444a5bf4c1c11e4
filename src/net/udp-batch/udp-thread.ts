/** The relay's end of a thread that reads UDP sockets. When the thread ends by a defect another one takes its descriptors over. */

import { Worker } from "node:worker_threads";
import type { MonotonicClock } from "../../turn/ports.ts";
import type { Arena } from "./arena.ts";
import type { Libc } from "./libc.ts";
import { aheadOfMachineMs } from "./machine-clock.ts";
import { Poll } from "./poll.ts";
import { RecordRing } from "./ring.ts";
import { allocateThreadMemory, SIGNAL, sendErrorsOf, type ThreadMemory, totalsOf } from "./shared-memory.ts";
import type { WorkerData, WorkerMessage } from "./worker.ts";
import { WORKER_FILE } from "./worker-file.ts";

/** A thread that ends sooner than this after its start is replaced after a rest, longer each time. */
const SOON_MS = 1000;
const FIRST_REST_MS = 50;
const MAX_REST_MS = 5000;
/** Orders that find no room are tried again so soon: a thread that works makes room within a round. */
const RETRY_ORDERS_MS = 2;
/** How long a descriptor may outlive its socket, where nothing comes that would wake the thread. */
const WAKE_FOR_ORDERS_MS = 50;

/** A process that exits waits for its threads, and they wait for packets. */
const ends = new Set<() => void>();

function endWithProcess(stop: () => void): void {
  if (ends.size === 0) process.on("exit", endAll);
  ends.add(stop);
}

function forgetEnd(stop: () => void): void {
  ends.delete(stop);
  if (ends.size === 0) process.off("exit", endAll);
}

function endAll(): void {
  for (const stop of ends) stop();
}

export interface UdpThreadOptions {
  readonly libc: Libc;
  readonly arena: Arena;
  readonly flowCells: SharedArrayBuffer;
  readonly bucketCells: SharedArrayBuffer;
  readonly sourceTable: SharedArrayBuffer;
  /** The relay's. */
  readonly clock: MonotonicClock;
  /** There are reports. */
  readonly reported: () => void;
  /** The thread has ended, and what it was told is forgotten: it must be told again, before another one starts. */
  readonly replaced: () => void;
  readonly failed: (error: unknown) => void;
}

type State = "running" | "resting" | "closing" | "closed";

export class UdpThread {
  readonly poll: Poll;
  readonly totals: Float64Array;
  readonly sendErrors: Float64Array;
  /** Resolves when the first thread runs; rejects where none can be had. */
  readonly ready: Promise<void>;
  readonly #options: UdpThreadOptions;
  readonly #memory: ThreadMemory = allocateThreadMemory();
  readonly #signals: Int32Array;
  #reports: RecordRing;
  #orders: RecordRing;
  /** Orders that found no room; what comes after them waits behind them. */
  #waiting: (readonly number[])[] = [];
  #retryTimer: NodeJS.Timeout | undefined;
  #wakeTimer: NodeJS.Timeout | undefined;
  #worker: Worker;
  #startedMs = 0;
  #restMs = 0;
  #restTimer: NodeJS.Timeout | undefined;
  #state: State = "running";
  #hasEnded: () => void = () => undefined;
  readonly #ended: Promise<void>;

  /** Throws where the process has no descriptors left. */
  constructor(options: UdpThreadOptions) {
    this.#options = options;
    this.#signals = new Int32Array(this.#memory.signals);
    this.totals = totalsOf(this.#memory);
    this.sendErrors = sendErrorsOf(this.#memory);
    this.#reports = new RecordRing(this.#memory.reports);
    this.#orders = new RecordRing(this.#memory.orders);
    this.poll = new Poll(options.libc, options.arena);
    this.#ended = new Promise((resolve) => {
      this.#hasEnded = resolve;
    });
    try {
      this.#worker = this.#start();
    } catch (error) {
      this.poll.close();
      throw error;
    }
    this.ready = new Promise((resolve, reject) => {
      this.#worker.once("message", () => resolve());
      this.#worker.once("error", reject);
    });
    // Of an engine that is given up before anybody asks.
    this.ready.catch(() => undefined);
    endWithProcess(this.#stop);
  }

  /** What it has told, in order; to be read by `peek` and `release`. */
  get reports(): RecordRing {
    return this.#reports;
  }

  /** From here on the thread says so again when there are reports. */
  beginReading(): void {
    Atomics.store(this.#signals, SIGNAL.told, 0);
  }

  /**
   * Done before the thread looks at another packet, and in order. Nobody waits for it: a thread that sleeps is not woken for each, but once
   * for all that came meanwhile.
   */
  order(words: readonly number[]): void {
    // The descriptor that wakes it may be somebody else's by now.
    if (this.#state === "closing" || this.#state === "closed") return;
    if (this.#waiting.length > 0 || !this.#write(words)) {
      this.#waiting.push(words);
      this.#retryTimer ??= setTimeout(this.#retryOrders, RETRY_ORDERS_MS);
      return this.#wakeForOrders();
    }
    this.#wakeTimer ??= setTimeout(this.#wakeForOrders, WAKE_FOR_ORDERS_MS);
  }

  /** Orders that found no room before. */
  readonly #retryOrders = (): void => {
    this.#retryTimer = undefined;
    let done = 0;
    while (done < this.#waiting.length && this.#write(this.#waiting[done] as readonly number[])) done++;
    this.#waiting = this.#waiting.slice(done);
    this.#wakeForOrders();
    if (this.#waiting.length > 0) this.#retryTimer = setTimeout(this.#retryOrders, RETRY_ORDERS_MS);
  };

  /** Resolves when no thread reads any more. Idempotent. */
  close(): Promise<void> {
    if (this.#state === "closing" || this.#state === "closed") return this.#ended;
    const isResting = this.#state === "resting";
    this.#state = "closing";
    forgetEnd(this.#stop);
    clearTimeout(this.#restTimer);
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#wakeTimer);
    if (isResting) this.#close();
    else this.#stop();
    return this.#ended;
  }

  #start(): Worker {
    this.#startedMs = performance.now();
    const { flowCells, bucketCells, sourceTable, clock } = this.#options;
    const workerData: WorkerData = {
      memory: this.#memory,
      flowCells,
      bucketCells,
      sourceTable,
      epoll: this.poll.epoll,
      aheadOfMachineMs: aheadOfMachineMs(clock),
    };
    const worker = new Worker(WORKER_FILE, { workerData, name: "turnpike-udp" });
    worker.on("message", (message: WorkerMessage) => {
      if (message.kind === "reports") this.#options.reported();
      else if (message.kind === "failed") this.#options.failed(message.error);
    });
    worker.on("error", (error) => this.#options.failed(error));
    worker.on("exit", () => this.#exited());
    return worker;
  }

  readonly #stop = (): void => {
    Atomics.store(this.#signals, SIGNAL.stop, 1);
    this.poll.wake();
  };

  #exited(): void {
    if (this.#state !== "running") return this.#close();
    const livedMs = performance.now() - this.#startedMs;
    this.#restMs = livedMs < SOON_MS ? Math.min(MAX_REST_MS, Math.max(FIRST_REST_MS, this.#restMs * 2)) : 0;
    this.#options.failed(new Error("a thread of the UDP engine has ended; another one takes its place"));
    // What it has still told is true.
    this.#options.reported();
    this.#state = "resting";
    this.#restTimer = setTimeout(() => this.#replace(), this.#restMs);
  }

  #replace(): void {
    if (!this.#reports.isEmpty) {
      this.#options.reported();
      this.#restTimer = setTimeout(() => this.#replace(), 0);
      return;
    }
    this.#orders.clear();
    this.#reports.clear();
    this.#waiting = [];
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    Atomics.store(this.#signals, SIGNAL.told, 0);
    Atomics.store(this.#signals, SIGNAL.asleep, 0);
    this.#state = "running";
    this.#options.replaced();
    this.#worker = this.#start();
  }

  #close(): void {
    this.#state = "closed";
    this.poll.close();
    this.#hasEnded();
  }

  /** False: there is no room now. */
  #write(words: readonly number[]): boolean {
    const at = this.#orders.reserve(words.length);
    if (at < 0) return false;
    this.#orders.words.set(words, at);
    this.#orders.commit();
    return true;
  }

  readonly #wakeForOrders = (): void => {
    this.#wakeTimer = undefined;
    if (!this.#orders.isEmpty && Atomics.exchange(this.#signals, SIGNAL.asleep, 0) === 1) this.poll.wake();
  };
}
