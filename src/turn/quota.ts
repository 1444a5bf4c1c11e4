/** How many relayed addresses a user and a client's address may hold (RFC 8656 section 7.2, step 10). */

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

/** Makes room by replacing idle allocations of the user; true, and none is touched, where that is not enough. */
export function isOverQuota(state: RelayState, request: AuthenticatedRequest, growth: Growth): boolean {
  const { limits, table, reservations } = state;
  const { userId } = request.user;
  const { remote } = request.link;
  const ofClientIp = table.countOfClientIp(remote) + growth.ofClientIp;
  if (!state.isExempt(remote) && ofClientIp > limits.maxAllocationsPerAddress) return true;
  const ofUser = table.countOfUser(userId) + reservations.countOfUser(userId) + growth.ofUser;
  const excess = ofUser - quotaOf(limits, request.user);
  if (excess <= 0) return false;
  const idle = [...table.ofUser(userId)].filter(
    ({ lastRelayedAtMs }) => lastRelayedAtMs + IDLE_REPLACEABLE_MS <= request.nowMs,
  );
  if (idle.reduce((sum, { relays }) => sum + relays.length, 0) < excess) return true;
  let freed = 0;
  for (const allocation of idle) {
    if (freed >= excess) break;
    freed += allocation.relays.length;
    closeAllocation(state, allocation, "replaced");
  }
  return false;
}
