/**
 * How much may be relayed: bits per second of an allocation, of a room, and in all. What is over is dropped and counted, so that a
 * sender's congestion control finds the rate; the burst lets a key frame pass.
 */

import type { Allocation } from "./allocation.ts";
import type { BucketCells } from "./bucket-cells.ts";
import type { DropReason, TurnUser } from "./ports.ts";
import type { TurnCounters } from "./relay-state.ts";
import { TokenBucket } from "./token-bucket.ts";

/** 0: no limit. */
export interface BandwidthLimits {
  readonly maxBitsPerSecondPerAllocation: number;
  readonly maxBitsPerSecondPerRoom: number;
  readonly maxBitsPerSecond: number;
  /** What a bucket holds, in time at its rate. */
  readonly bandwidthBurstMilliseconds: number;
}

/** A packet weighs its data and this, IP and UDP header: a flood of empty packets is not free. */
export const DATAGRAM_OVERHEAD_BYTES = 28;
/** A bucket holds this at least, however low its rate: a key frame of a large picture. */
const MIN_BURST_BYTES = 262_144;

/** What an allocation's packets are taken from. */
export interface Buckets {
  readonly own: TokenBucket | undefined;
  readonly room: TokenBucket | undefined;
  readonly total: TokenBucket | undefined;
}

const UNLIMITED: Buckets = { own: undefined, room: undefined, total: undefined };

interface RoomBucket {
  readonly bucket: TokenBucket;
  allocations: number;
}

export class Bandwidth {
  readonly #limits: BandwidthLimits;
  readonly #cells: BucketCells | undefined;
  readonly #total: TokenBucket | undefined;
  /** By roomKey. */
  readonly #rooms = new Map<string, RoomBucket>();

  /** With `cells`, other threads may take from its buckets; those for which there is no cell left are this thread's alone. */
  constructor(limits: BandwidthLimits, cells?: BucketCells) {
    this.#limits = limits;
    this.#cells = cells;
    this.#total = this.#bucket(limits.maxBitsPerSecond);
  }

  /** Rooms that have an allocation, or a bucket that is not full again. */
  get roomCount(): number {
    return this.#rooms.size;
  }

  /** For a new allocation of this user; `forget` when it ends. */
  bucketsFor({ room }: TurnUser, isExempt: boolean): Buckets {
    if (isExempt) return UNLIMITED;
    return {
      own: this.#bucket(this.#limits.maxBitsPerSecondPerAllocation),
      room: room && this.#enter(room.roomKey),
      total: this.#total,
    };
  }

  forget(buckets: Buckets, { room }: TurnUser): void {
    this.#giveBack(buckets.own);
    const entry = buckets.room && room && this.#rooms.get(room.roomKey);
    if (entry !== undefined) entry.allocations--;
  }

  /** A room's bucket outlives its last allocation until it is full again: a new allocation is no new burst. */
  sweep(nowMs: number): void {
    for (const [roomKey, { bucket, allocations }] of this.#rooms) {
      if (allocations > 0 || !bucket.isFull(nowMs)) continue;
      this.#rooms.delete(roomKey);
      this.#giveBack(bucket);
    }
  }

  #enter(roomKey: string): TokenBucket | undefined {
    const known = this.#rooms.get(roomKey);
    if (known !== undefined) {
      known.allocations++;
      return known.bucket;
    }
    const bucket = this.#bucket(this.#limits.maxBitsPerSecondPerRoom);
    if (bucket !== undefined) this.#rooms.set(roomKey, { bucket, allocations: 1 });
    return bucket;
  }

  #bucket(bitsPerSecond: number): TokenBucket | undefined {
    if (bitsPerSecond === 0) return undefined;
    const bytesPerSecond = bitsPerSecond / 8;
    const burstBytes = (bytesPerSecond / 1000) * this.#limits.bandwidthBurstMilliseconds;
    const index = this.#cells?.take();
    const cells = index === undefined ? undefined : this.#cells?.cells;
    return new TokenBucket(bytesPerSecond, Math.max(burstBytes, MIN_BURST_BYTES), cells, index);
  }

  #giveBack(bucket: TokenBucket | undefined): void {
    if (bucket?.cellIndex !== undefined) this.#cells?.giveBack(bucket.cellIndex);
  }
}

/** Which bucket has too little for a packet. */
export type BandwidthDrop = Extract<
  DropReason,
  "allocation-bandwidth" | "room-bandwidth" | "total-bandwidth"
>;

/** Takes a packet from all of these buckets, or from none and says which has too little. */
export function takeFrom(
  { own, room, total }: Buckets,
  dataBytes: number,
  nowMs: number,
): BandwidthDrop | undefined {
  const bytes = dataBytes + DATAGRAM_OVERHEAD_BYTES;
  if (own?.has(bytes, nowMs) === false) return "allocation-bandwidth";
  if (room?.has(bytes, nowMs) === false) return "room-bandwidth";
  if (total?.has(bytes, nowMs) === false) return "total-bandwidth";
  own?.take(bytes, nowMs);
  room?.take(bytes, nowMs);
  total?.take(bytes, nowMs);
  return undefined;
}

/** From an allocation's own bucket alone: of a packet that reaches it inside the process, the room and the total have counted already. */
export function takeFromOwn(
  own: Buckets["own"],
  dataBytes: number,
  nowMs: number,
): BandwidthDrop | undefined {
  const bytes = dataBytes + DATAGRAM_OVERHEAD_BYTES;
  if (own?.has(bytes, nowMs) === false) return "allocation-bandwidth";
  own?.take(bytes, nowMs);
  return undefined;
}

/** Takes a packet from all buckets of the allocation that carries it; false: one has too little, none is touched, the drop is counted. */
export function takeBandwidth(
  counters: TurnCounters,
  allocation: Allocation,
  dataBytes: number,
  nowMs: number,
): boolean {
  const why = takeFrom(allocation.buckets, dataBytes, nowMs);
  return why === undefined || drop(counters, allocation, why);
}

/** The same at the allocation that a packet reaches inside the process. */
export function takeOwnBandwidth(
  counters: TurnCounters,
  allocation: Allocation,
  dataBytes: number,
  nowMs: number,
): boolean {
  const why = takeFromOwn(allocation.buckets.own, dataBytes, nowMs);
  return why === undefined || drop(counters, allocation, why);
}

/**
 * Takes bytes of a TCP connection, which cannot be dropped: they may be owed. Returns how many milliseconds nothing more may be read,
 * so that they are not.
 */
export function takeStreamBandwidth(
  { own, room, total }: Buckets,
  bytes: number,
  nowMs: number,
  isCountedElsewhere: boolean,
): number {
  let owedMs = 0;
  for (const bucket of isCountedElsewhere ? [own] : [own, room, total]) {
    bucket?.take(bytes, nowMs);
    owedMs = Math.max(owedMs, bucket?.owedMs(nowMs) ?? 0);
  }
  return owedMs;
}

function drop({ drops }: TurnCounters, allocation: Allocation, why: BandwidthDrop): false {
  drops[why]++;
  allocation.overLimitPackets++;
  return false;
}
