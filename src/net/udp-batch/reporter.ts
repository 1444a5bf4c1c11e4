/** What a thread tells the relay: packets that it may not judge, ICMP errors, and what it has done with. */

import type { IcmpError } from "../../turn/ports.ts";
import type { Arena } from "./arena.ts";
import type { BatchSocket } from "./batch-socket.ts";
import { addressWords, NAME_WORDS, PACKET_HEAD_WORDS, REPORT } from "./records.ts";
import type { RecordRing } from "./ring.ts";
import { SIGNAL, TOTAL } from "./shared-memory.ts";

export interface ReporterMemory {
  readonly reports: RecordRing;
  readonly signals: Int32Array;
  readonly totals: Float64Array;
}

export class Reporter {
  readonly #arena: Arena;
  readonly #memory: ReporterMemory;
  readonly #tell: () => void;
  /** What may not be lost, and found no room. */
  #waiting: (readonly number[])[] = [];
  #isNew = false;

  /** `tell` wakes the relay. */
  constructor(arena: Arena, memory: ReporterMemory, tell: () => void) {
    this.#arena = arena;
    this.#memory = memory;
    this.#tell = tell;
  }

  /** It is lost, and counted, where the relay is too far behind. */
  packet(socket: BatchSocket, slot: number, start: number, end: number): void {
    const { reports, totals } = this.#memory;
    const length = end - start;
    const at = reports.reserve(PACKET_HEAD_WORDS + Math.ceil(length / 4));
    if (at < 0) {
      totals[TOTAL.overloaded] = (totals[TOTAL.overloaded] as number) + 1;
      return;
    }
    const { words, bytes } = reports;
    words[at] = REPORT.packet;
    words[at + 1] = socket.index;
    this.#arena.copySource(slot, bytes, (at + 2) * 4, NAME_WORDS * 4);
    words[at + PACKET_HEAD_WORDS - 1] = length;
    this.#arena.bytes.copy(bytes, (at + PACKET_HEAD_WORDS) * 4, start, end);
    reports.commit();
    this.#isNew = true;
  }

  icmp(socket: BatchSocket, { type, code, mtu, target }: IcmpError): void {
    this.#write([REPORT.icmp, socket.index, type, code, mtu, ...addressWords(target)]);
  }

  socketClosed(index: number): void {
    this.#waiting.push([REPORT.socketClosed, index]);
  }

  flowClosed(slot: number): void {
    this.#waiting.push([REPORT.flowClosed, slot]);
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** At the end of a round. */
  flush(): void {
    if (this.#waiting.length > 0) this.#waiting = this.#waiting.filter((words) => !this.#write(words));
    if (!this.#isNew) return;
    this.#isNew = false;
    if (Atomics.exchange(this.#memory.signals, SIGNAL.told, 1) === 0) this.#tell();
  }

  /** False: there is no room now. */
  #write(record: readonly number[]): boolean {
    const { reports } = this.#memory;
    const at = reports.reserve(record.length);
    if (at < 0) return false;
    reports.words.set(record, at);
    reports.commit();
    this.#isNew = true;
    return true;
  }
}
