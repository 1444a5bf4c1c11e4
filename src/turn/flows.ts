/**
 * What the relay has judged and lets somebody else carry (`flow-carrier.ts`). A flow begins with a packet that passed every rule, and ends
 * with whichever of its parts ends first: then the next packet is judged here again, and may begin another one. Whatever changes an
 * allocation's rights in any other way ends its flows.
 */

import { sameTransportAddress, type TransportAddress, withPort } from "../stun/address.ts";
import type { Allocation, Permission } from "./allocation.ts";
import type { CarriedFlow, CarriedTotals, FlowCounts } from "./flow-carrier.ts";
import type { RelayState, TurnCounters } from "./relay-state.ts";

/** Of one allocation: more are judged packet by packet. */
const MAX_FLOWS = 32;

export interface Flow {
  readonly allocation: Allocation;
  readonly target: TransportAddress;
  readonly permission: Permission;
  readonly channel: number | undefined;
  /** Whose client it reaches inside the process, and as which channel there. */
  readonly to: Allocation | undefined;
  readonly channelThere: number | undefined;
  readonly carried: CarriedFlow;
  /** With the first of its parts. */
  expiresAtMs: number;
  /** Counted already, for the allocations. */
  counted: FlowCounts;
}

export const NOTHING_COUNTED: FlowCounts = {
  sentPackets: 0,
  sentBytes: 0,
  lastSentMs: 0,
  receivedPackets: 0,
  receivedBytes: 0,
  lastReceivedMs: 0,
  overLimitPackets: 0,
  overLimitThere: 0,
};

export const NOTHING_CARRIED: CarriedTotals = {
  ...NOTHING_COUNTED,
  insidePackets: 0,
  bindings: 0,
  drops: {},
};

/** A packet between this allocation's client and the target has passed every rule; those that follow may be carried. */
export function letPass(
  { allocator: { carrier } }: RelayState,
  allocation: Allocation,
  permission: Permission,
  target: TransportAddress,
  to: Allocation | undefined,
  nowMs: number,
): void {
  const { link, nextLink, buckets } = allocation;
  if (carrier === undefined || link.transport !== "udp" || nextLink !== undefined) return;
  const { socket } = permission.relay;
  const channel = allocation.channelTo(target, nowMs);
  const source = socket.relayedAddress;
  const channelThere = to?.channelTo(source, nowMs);
  const permissionThere = to?.permissionFor(source, nowMs);
  if (to !== undefined && (permissionThere === undefined || to.nextLink !== undefined)) return;
  const expiresAtMs = Math.min(
    permission.relay.expiresAtMs,
    permission.expiresAtMs,
    channel?.expiresAtMs ?? Number.POSITIVE_INFINITY,
    permissionThere?.relay.expiresAtMs ?? Number.POSITIVE_INFINITY,
    permissionThere?.expiresAtMs ?? Number.POSITIVE_INFINITY,
    channelThere?.expiresAtMs ?? Number.POSITIVE_INFINITY,
  );
  const known = allocation.flows.find(
    (flow) => flow.allocation === allocation && sameTransportAddress(flow.target, target),
  );
  if (known !== undefined) {
    const isSame =
      !known.carried.isOver &&
      known.to === to &&
      known.channel === channel?.number &&
      known.channelThere === channelThere?.number;
    if (isSame) {
      known.expiresAtMs = expiresAtMs;
      return known.carried.extend(expiresAtMs);
    }
    endFlow(known);
  }
  if (ownCount(allocation) >= MAX_FLOWS) return;
  const lasting = withPort(target, target.port);
  const inside = to && { link: to.link, channel: channelThere?.number, source, buckets: to.buckets };
  const carried = carrier.carry({
    link,
    socket,
    target: lasting,
    channel: channel?.number,
    buckets,
    inside,
    expiresAtMs,
  });
  if (carried === undefined) return;
  const flow: Flow = {
    allocation,
    target: lasting,
    permission,
    channel: channel?.number,
    to,
    channelThere: channelThere?.number,
    carried,
    expiresAtMs,
    counted: NOTHING_COUNTED,
  };
  allocation.addFlow(flow);
  to?.addFlow(flow);
}

/** Its rights may have changed: what it sends and receives is judged again. */
export function endFlows({ flows }: Allocation): void {
  for (const flow of [...flows]) endFlow(flow);
}

/** What its flows have carried since the last time is the allocation's, and its permissions'. */
export function countFlows({ flows }: Allocation): void {
  for (const flow of flows) countFlow(flow);
}

/** Those that carry nothing any more make room for others. */
export function sweepFlows({ flows }: Allocation, nowMs: number): void {
  for (const flow of flows) {
    if (flow.expiresAtMs <= nowMs || flow.carried.isOver) endFlow(flow);
    else countFlow(flow);
  }
}

/** Those of others that reach its client are theirs. */
function ownCount(allocation: Allocation): number {
  let count = 0;
  for (const flow of allocation.flows) if (flow.allocation === allocation) count++;
  return count;
}

function endFlow(flow: Flow): void {
  // A thread may be in the middle of a packet.
  flow.carried.end(() => countFlow(flow));
  countFlow(flow);
  flow.allocation.dropFlow(flow);
  flow.to?.dropFlow(flow);
}

function countFlow(flow: Flow): void {
  const { allocation, permission, to, carried, counted } = flow;
  const counts = carried.counts();
  flow.counted = counts;
  allocation.sentPackets += counts.sentPackets - counted.sentPackets;
  allocation.sentBytes += counts.sentBytes - counted.sentBytes;
  allocation.overLimitPackets += counts.overLimitPackets - counted.overLimitPackets;
  const receiver = to ?? allocation;
  receiver.receivedPackets += counts.receivedPackets - counted.receivedPackets;
  receiver.receivedBytes += counts.receivedBytes - counted.receivedBytes;
  receiver.overLimitPackets += counts.overLimitThere - counted.overLimitThere;
  allocation.lastRelayedAtMs = Math.max(allocation.lastRelayedAtMs, counts.lastSentMs);
  receiver.lastRelayedAtMs = Math.max(receiver.lastRelayedAtMs, counts.lastReceivedMs);
  if (to === undefined && counts.receivedPackets > counted.receivedPackets)
    permission.lastHeardAtMs = Math.max(permission.lastHeardAtMs, counts.lastReceivedMs);
}

/** Adds to the relay's counters what has been carried since `before`. */
export function countTotals(counters: TurnCounters, before: CarriedTotals, now: CarriedTotals): void {
  counters.sentPackets += now.sentPackets - before.sentPackets;
  counters.sentBytes += now.sentBytes - before.sentBytes;
  counters.receivedPackets += now.receivedPackets - before.receivedPackets;
  counters.receivedBytes += now.receivedBytes - before.receivedBytes;
  counters.insidePackets += now.insidePackets - before.insidePackets;
  counters.unauthenticatedAnswers += now.bindings - before.bindings;
  for (const [reason, count = 0] of Object.entries(now.drops) as [keyof TurnCounters["drops"], number][])
    counters.drops[reason] += count - (before.drops[reason] ?? 0);
}
