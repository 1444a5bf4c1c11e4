/** What the relay and its UDP threads see at once, and in which words. Everything here has one writer at a time. */

import { RecordRing } from "./ring.ts";
import { MAX_ERRNO } from "./send-errors.ts";

/** Words of what one thread sends to the other and cannot read yet: packets that only the relay can judge; orders. */
const REPORT_WORDS = 1 << 19;
const ORDER_WORDS = 1 << 15;

/** Of `ThreadMemory.signals`. */
export const SIGNAL = {
  /** 1: the thread waits, or is about to, and wants to be woken for an order. */
  asleep: 0,
  /** 1: the relay has been told that there are reports, and has not begun to read them. */
  told: 1,
  /** 1: the thread must end. */
  stop: 2,
} as const;
const SIGNALS = 16;

/** Of `ThreadMemory.counters`: totals of one thread, which alone writes them. */
export const TOTAL = {
  sentPackets: 0,
  sentBytes: 1,
  receivedPackets: 2,
  receivedBytes: 3,
  insidePackets: 4,
  overAllocationLimit: 5,
  overRoomLimit: 6,
  overTotalLimit: 7,
  /** Binding requests that it answered itself. */
  bindings: 8,
  bindingsLimited: 9,
  /** Packets for the relay that found no room. */
  overloaded: 10,
} as const;
const TOTALS = 16;

/** Of one carried flow in `FLOWS`. `expiresAtMs` is the relay's to write; of the rest each has one thread that writes. */
export const CELL = {
  expiresAtMs: 0,
  sentPackets: 1,
  sentBytes: 2,
  lastSentMs: 3,
  receivedPackets: 4,
  receivedBytes: 5,
  lastReceivedMs: 6,
  /** Packets over the bandwidth of the allocation whose flow it is; on the way out and on the way back; of the other one, inside. */
  overLimitOut: 7,
  overLimitBack: 8,
  overLimitThere: 9,
} as const;
export const CELLS_PER_FLOW = 10;

/** What one thread and the relay share. */
export interface ThreadMemory {
  readonly signals: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly orders: SharedArrayBuffer;
  readonly reports: SharedArrayBuffer;
}

export function allocateThreadMemory(): ThreadMemory {
  return {
    signals: new SharedArrayBuffer(SIGNALS * 4),
    counters: new SharedArrayBuffer((TOTALS + MAX_ERRNO) * 8),
    orders: RecordRing.allocate(ORDER_WORDS),
    reports: RecordRing.allocate(REPORT_WORDS),
  };
}

export function totalsOf({ counters }: ThreadMemory): Float64Array {
  return new Float64Array(counters, 0, TOTALS);
}

/** Behind the totals: packets that the system did not take, by errno. */
export function sendErrorsOf({ counters }: ThreadMemory): Float64Array {
  return new Float64Array(counters, TOTALS * 8, MAX_ERRNO);
}

export function allocateFlowCells(flows: number): SharedArrayBuffer {
  return new SharedArrayBuffer(flows * CELLS_PER_FLOW * 8);
}
