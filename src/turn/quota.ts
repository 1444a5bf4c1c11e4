/** How many relayed addresses a user and a client's address may hold (RFC 8656 section 7.2, step 10). */

import type { Allocation } from "./allocation.ts";
import { isAt } from "./allocation-table.ts";
import type { AuthenticatedRequest } from "./answer.ts";
import type { TurnUser } from "./ports.ts";
import { closeAllocation, type RelayState, type TurnLimits } from "./relay-state.ts";

/** Over its quota a user loses the allocations that have been idle for this long, if that is enough. */
const IDLE_REPLACEABLE_MS = 30_000;

/** What an Allocate adds to what is counted. */
export interface Growth {
  readonly ofUser: number;
  readonly ofClientIp: number;
}

/** A member is one person in one room; behind a user outside of rooms there may be all the clients of an application. */
function quotaOf(limits: TurnLimits, { room }: TurnUser): number {
  return room === undefined ? limits.maxAllocationsPerUser : limits.maxAllocationsPerMember;
}

/**
 * Makes room by replacing idle allocations of the user, the longest idle first; true, and none is touched, where that is not enough.
 * Those of others stay, also where it is the address that has too many: nobody loses a relay to a neighbour behind the same NAT.
 */
export function isOverQuota(state: RelayState, request: AuthenticatedRequest, growth: Growth): boolean {
  const { limits, table, reservations } = state;
  const { userId } = request.user;
  const { remote } = request.link;
  const hasAddressQuota = !state.isExempt(remote);
  const ofAddress = hasAddressQuota ? table.countOfClientIp(remote) + growth.ofClientIp : 0;
  const ofUser = table.countOfUser(userId) + reservations.countOfUser(userId) + growth.ofUser;
  let userExcess = ofUser - quotaOf(limits, request.user);
  let addressExcess = ofAddress - limits.maxAllocationsPerAddress;
  if (userExcess <= 0 && addressExcess <= 0) return false;

  const replaced: Allocation[] = [];
  for (const allocation of longestIdleFirst(table.ofUser(userId), request.nowMs)) {
    const isAtAddress = isAt(allocation, remote);
    if (userExcess <= 0 && !(addressExcess > 0 && isAtAddress)) continue;
    replaced.push(allocation);
    userExcess -= allocation.relays.length;
    if (isAtAddress) addressExcess -= allocation.relays.length;
  }
  if (userExcess > 0 || addressExcess > 0) return true;
  for (const allocation of replaced) closeAllocation(state, allocation, "replaced");
  return false;
}

function longestIdleFirst(allocations: Iterable<Allocation>, nowMs: number): Allocation[] {
  return [...allocations]
    .filter(({ lastRelayedAtMs }) => lastRelayedAtMs + IDLE_REPLACEABLE_MS <= nowMs)
    .sort((a, b) => a.lastRelayedAtMs - b.lastRelayedAtMs);
}
