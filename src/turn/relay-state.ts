/** What the relay's handlers share: its settings, its tables and its counters. */

import type { IpAddress } from "../stun/address.ts";
import type { Allocation, AllocationRelay } from "./allocation.ts";
import type { AllocationTable } from "./allocation-table.ts";
import type { Bandwidth, BandwidthLimits } from "./bandwidth.ts";
import type { ClaimLedger } from "./claim-ledger.ts";
import { endFlows } from "./flows.ts";
import type { MobilityTickets } from "./mobility-tickets.ts";
import type {
  AllocationEnd,
  DropReason,
  IcmpOutcome,
  MonotonicClock,
  RelayAllocator,
  RelayCounts,
  RelayTargetPolicy,
  TurnEvents,
} from "./ports.ts";
import type { Reservations } from "./reservations.ts";
import type { RoomTargets } from "./room-targets.ts";
import type { TcpRelays } from "./tcp-relays.ts";

export interface TurnLimits extends BandwidthLimits {
  readonly maxAllocations: number;
  readonly maxAllocationsPerAddress: number;
  readonly maxAllocationsPerMember: number;
  readonly maxAllocationsPerUser: number;
  readonly maxPermissionsPerAllocation: number;
  readonly maxChannelsPerAllocation: number;
  /** Connections with peers of TCP allocations (RFC 6062), in all. */
  readonly maxRelayedConnections: number;
  readonly maxRelayedConnectionsPerAllocation: number;
  readonly relayedConnectionIdleSeconds: number;
  readonly unauthenticatedBurst: number;
  readonly unauthenticatedPerSecond: number;
}

/** Totals since the start; whoever shows them reads them, nothing is announced per packet. */
export interface TurnCounters extends RelayCounts {
  /** Of the packets sent: those that went to another client without crossing a relay socket. */
  insidePackets: number;
  unauthenticatedAnswers: number;
  readonly drops: Record<DropReason, number>;
  /** ICMP errors about relayed packets. */
  readonly icmpErrors: Record<IcmpOutcome, number>;
}

export interface RelayState {
  readonly allocator: RelayAllocator;
  readonly targets: RelayTargetPolicy;
  /** Who is where in each room; undefined: a room's credentials are judged as all others are. */
  readonly rooms: RoomTargets | undefined;
  readonly ledger: ClaimLedger;
  readonly clock: MonotonicClock;
  readonly limits: TurnLimits;
  /** Clients on whom no limit per source and none on bandwidth lies: loopback under --dev, or nobody. */
  readonly isExempt: (client: IpAddress) => boolean;
  readonly table: AllocationTable;
  readonly reservations: Reservations;
  readonly bandwidth: Bandwidth;
  /** Undefined: TCP allocations (RFC 6062) are off. */
  readonly tcp: TcpRelays | undefined;
  /** Undefined: allocations stay where they were made (RFC 8016 is off). */
  readonly mobility: MobilityTickets | undefined;
  readonly counters: TurnCounters;
  readonly announce: Announce;
  /** Set when the relay drains: who is in no room gets no allocation any more. */
  draining: boolean;
  /** Set when the relay ends: an Allocate that was waiting for its socket gives it back. */
  closed: boolean;
}

/** Calls an observer; what it throws goes to `failed` and no further. */
export type Announce = <Name extends keyof TurnEvents>(
  name: Name,
  ...details: Parameters<NonNullable<TurnEvents[Name]>>
) => void;

export function createAnnounce(events: TurnEvents): Announce {
  return function announce(name, ...details) {
    try {
      (events[name] as ((...args: unknown[]) => void) | undefined)?.(...details);
    } catch (error) {
      if (name !== "failed") announce("failed", error);
    }
  };
}

export function createTurnCounters(): TurnCounters {
  return {
    sentPackets: 0,
    sentBytes: 0,
    receivedPackets: 0,
    receivedBytes: 0,
    insidePackets: 0,
    unauthenticatedAnswers: 0,
    drops: {
      malformed: 0,
      "rate-limited": 0,
      amplification: 0,
      "no-allocation": 0,
      "no-permission": 0,
      "no-channel": 0,
      "own-address": 0,
      "other-room": 0,
      "unproven-target": 0,
      "slow-reader": 0,
      "connection-limit": 0,
      "too-large": 0,
      overloaded: 0,
      "allocation-bandwidth": 0,
      "room-bandwidth": 0,
      "total-bandwidth": 0,
    },
    icmpErrors: {
      told: 0,
      "other-type": 0,
      "no-permission": 0,
      "unproven-target": 0,
      "rate-limited": 0,
    },
  };
}

/** Ends an allocation: its ports are free and its 5-tuple too when this returns. Idempotent. */
export function closeAllocation(state: RelayState, allocation: Allocation, why: AllocationEnd): void {
  if (!state.table.remove(allocation)) return;
  endFlows(allocation);
  for (const { socket } of allocation.relays) socket.close();
  state.bandwidth.forget(allocation.buckets, allocation.user);
  state.mobility?.forget(allocation);
  for (const link of allocation.links) {
    link.holding = undefined;
    link.release();
  }
  state.announce("allocationClosed", allocation.summary(), why, allocation);
}

/** Ends one relayed address, and with the last one the allocation. */
export function closeRelay(
  state: RelayState,
  allocation: Allocation,
  relay: AllocationRelay,
  why: AllocationEnd,
): void {
  if (allocation.relays.length === 1) return closeAllocation(state, allocation, why);
  endFlows(allocation);
  state.table.removeRelay(allocation, relay);
  allocation.dropRelay(relay);
  relay.socket.close();
}

/** Ends what is over of an allocation; true when that is all of it. */
export function closeExpired(state: RelayState, allocation: Allocation, nowMs: number): boolean {
  const isOver = allocation.expiresAtMs <= nowMs;
  if (isOver) {
    closeAllocation(state, allocation, "expired");
  } else {
    for (const relay of [...allocation.relays])
      if (relay.expiresAtMs <= nowMs) closeRelay(state, allocation, relay, "expired");
  }
  return isOver;
}
