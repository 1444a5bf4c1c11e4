/** A thread that reads UDP sockets: `UdpThread` starts it, and goes on without it only until it is replaced. */

import { parentPort, workerData } from "node:worker_threads";
import { SourceLimiter } from "../../turn/source-limiter.ts";
import { BatchSocket } from "./batch-socket.ts";
import { readFlowOrder } from "./flow-order.ts";
import { Forwarder } from "./forwarder.ts";
import { GatherDelay } from "./gather-delay.ts";
import { type Libc, loadLibc } from "./libc.ts";
import { aheadOfMachineMs } from "./machine-clock.ts";
import { ORDER, readFloat, SOCKET_KIND } from "./records.ts";
import { Reporter } from "./reporter.ts";
import { RecordRing } from "./ring.ts";
import { Rounds } from "./rounds.ts";
import { SendErrors } from "./send-errors.ts";
import { Sender } from "./sender.ts";
import { SIGNAL, sendErrorsOf, type ThreadMemory, totalsOf } from "./shared-memory.ts";

export interface WorkerData {
  readonly memory: ThreadMemory;
  readonly flowCells: SharedArrayBuffer;
  readonly bucketCells: SharedArrayBuffer;
  readonly sourceTable: SharedArrayBuffer;
  readonly epoll: number;
  /** Of the relay's clock. */
  readonly aheadOfMachineMs: number;
}

/** What a thread says to the relay in words: the rest are reports. */
export type WorkerMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "reports" }
  | { readonly kind: "failed"; readonly error: unknown };

/** A wait is no longer than this, whatever happens to whoever should end it. */
const MAX_WAIT_MS = 1000;
const REST_MICROSECONDS = 20_000;

class Worker {
  readonly #libc: Libc;
  readonly #rounds: Rounds;
  readonly #forwarder: Forwarder;
  readonly #reporter: Reporter;
  readonly #orders: RecordRing;
  readonly #signals: Int32Array;
  readonly #bucketCells: Float64Array;
  readonly #sourceTable: SharedArrayBuffer;
  readonly #gather = new GatherDelay();

  constructor(libc: Libc, data: WorkerData) {
    const { memory, epoll } = data;
    this.#libc = libc;
    this.#orders = new RecordRing(memory.orders);
    this.#signals = new Int32Array(memory.signals);
    this.#bucketCells = new Float64Array(data.bucketCells);
    this.#sourceTable = data.sourceTable;
    const sender = new Sender(libc, new SendErrors(sendErrorsOf(memory)));
    const skewMs = data.aheadOfMachineMs - aheadOfMachineMs(() => performance.now());
    this.#rounds = new Rounds(libc, epoll, sender, {
      begin: (nowMs) => {
        this.#forwarder.nowMs = nowMs + skewMs;
        this.#obey();
      },
      packet: (socket, slot, start, end) => this.#forwarder.packet(socket, slot, start, end),
      icmp: (socket, error) => this.#forwarder.icmp(socket, error),
      failed: (error) => say({ kind: "failed", error }),
    });
    const totals = totalsOf(memory);
    const reports = new RecordRing(memory.reports);
    const signals = this.#signals;
    this.#reporter = new Reporter(sender.arena, { reports, signals, totals }, () => say({ kind: "reports" }));
    this.#forwarder = new Forwarder(this.#rounds, this.#reporter, {
      totals,
      flowCells: new Float64Array(data.flowCells),
    });
  }

  run(): void {
    let timeoutMs = 0;
    while (Atomics.load(this.#signals, SIGNAL.stop) === 0) {
      this.#gather.count(this.#rounds.round(timeoutMs));
      Atomics.store(this.#signals, SIGNAL.asleep, 0);
      this.#reporter.flush();
      timeoutMs = 0;
      if (this.#rounds.isFruitless) {
        this.#libc.usleep(REST_MICROSECONDS);
        continue;
      }
      const pace = this.#gather.pace(performance.now());
      if (pace === "wait") timeoutMs = this.#reporter.hasWaiting ? 0 : this.#fallAsleep();
      else if (pace > 0) this.#libc.usleep(pace);
    }
  }

  /** How long the next round may wait: not at all where an order came before whoever gave it saw us asleep. */
  #fallAsleep(): number {
    Atomics.store(this.#signals, SIGNAL.asleep, 1);
    return this.#orders.isEmpty ? MAX_WAIT_MS : 0;
  }

  /** Does what it was told, before it looks at another packet. */
  #obey(): void {
    for (let at = this.#orders.peek(); at >= 0; at = this.#orders.peek()) {
      this.#do(this.#orders.words, at);
      this.#orders.release();
    }
  }

  #do(words: Int32Array, at: number): void {
    const word = (index: number) => words[at + index] as number;
    switch (word(0)) {
      case ORDER.openSocket: {
        const socket = BatchSocket.adopt(word(2), word(4) === 4 ? 4 : 6, word(1));
        socket.kind = word(3);
        this.#rounds.add(socket);
        if (socket.kind !== SOCKET_KIND.relay) this.#forwarder.openListener(socket);
        break;
      }
      case ORDER.closeSocket:
        this.#closeSocket(word(1));
        break;
      case ORDER.openFlow:
        this.#forwarder.openFlow(readFlowOrder(this.#bucketCells, words, at + 1));
        break;
      case ORDER.closeFlow:
        this.#forwarder.closeFlow(word(1));
        this.#reporter.flowClosed(word(1));
        break;
      case ORDER.answerBindings: {
        const [burst, perSecond] = [readFloat(words, at + 1), readFloat(words, at + 3)];
        const limiter = new SourceLimiter(
          { burst, perSecond },
          () => this.#forwarder.nowMs,
          this.#sourceTable,
        );
        this.#forwarder.answerBindings({ limiter, exemptLoopback: word(5) === 1 });
        break;
      }
      default:
        throw new Error(`an order of a kind that is not known: ${word(0)}`);
    }
  }

  /**
   * What it was given to send leaves first. The relay closes the descriptor when it hears that it is named here no more, also where only
   * this thread's predecessor had read it.
   */
  #closeSocket(index: number): void {
    const socket = this.#rounds.at(index);
    if (socket !== undefined) {
      this.#rounds.sender.flush();
      this.#forwarder.closeSocket(socket);
      this.#rounds.remove(socket);
    }
    this.#reporter.socketClosed(index);
  }
}

function say(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

const result = await loadLibc();
if (!result.ok) throw new Error(result.reason);
const worker = new Worker(result.libc, workerData as WorkerData);
say({ kind: "ready" });
worker.run();
