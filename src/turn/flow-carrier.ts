/**
 * What can carry packets without asking the relay's rules about each: threads of the batched UDP engine. The relay judges the first packet
 * between a client and a target, and hands over what follows (`flows.ts`); it may take that back at any time.
 */

import type { TransportAddress } from "../stun/address.ts";
import type { Buckets } from "./bandwidth.ts";
import type { BucketCells } from "./bucket-cells.ts";
import type { ClientLink, DropReason, RelayCounts, RelaySocket } from "./ports.ts";
import type { SourceLimits } from "./source-limiter.ts";

export interface FlowEnds {
  readonly link: ClientLink;
  readonly socket: RelaySocket;
  readonly target: TransportAddress;
  /** The client's channel to the target; undefined: Send and Data indications. */
  readonly channel: number | undefined;
  readonly buckets: Buckets;
  /** The target is another client of this relay: packets go there inside the process, one way. */
  readonly inside?: InsideEnds | undefined;
  /** By the relay's clock. */
  readonly expiresAtMs: number;
}

export interface InsideEnds {
  readonly link: ClientLink;
  /** The other client's channel to `source`; undefined: Data indications. */
  readonly channel: number | undefined;
  /** The relayed address that the other client sees. */
  readonly source: TransportAddress;
  /** Of the other client's allocation. */
  readonly buckets: Buckets;
}

/** What a flow has carried; times by the relay's clock, 0 for never. */
export interface FlowCounts extends RelayCounts {
  readonly lastSentMs: number;
  readonly lastReceivedMs: number;
  /** Dropped for the bandwidth of its own allocation, of the room or the relay. */
  readonly overLimitPackets: number;
  /** Dropped for the bandwidth of the allocation that it reaches inside. */
  readonly overLimitThere: number;
}

export interface CarriedFlow {
  /** Nothing passes any more: it was ended, by the relay or by whoever carried it. */
  readonly isOver: boolean;
  /** Packets pass until then. */
  extend(expiresAtMs: number): void;
  counts(): FlowCounts;
  /** No packet that comes from now on passes. `settled` is called when its counts are final, later or not at all. Idempotent. */
  end(settled?: () => void): void;
}

/** Since the start, over all flows and threads. */
export interface CarriedTotals extends RelayCounts {
  readonly insidePackets: number;
  /** Binding requests that were answered. */
  readonly bindings: number;
  readonly drops: Readonly<Partial<Record<DropReason, number>>>;
}

/** The limits of unauthenticated answers, and who has none. */
export interface BindingRules extends SourceLimits {
  readonly exemptLoopback: boolean;
}

export interface FlowCarrier {
  /** Of what each source has been answered (`SourceLimiter`), there and by the relay. */
  readonly sourceTable: SharedArrayBuffer;
  /** From now on it answers plain Binding requests (`quickBinding`). */
  answerBindings(rules: BindingRules): void;
  /** Where buckets are that it can take from. */
  readonly bucketCells: BucketCells;
  /** Undefined: it cannot carry this one, now or at all. */
  carry(ends: FlowEnds): CarriedFlow | undefined;
  totals(): CarriedTotals;
}
