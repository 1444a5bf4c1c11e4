/** ICMP errors about packets that a relay socket has sent (RFC 8656 section 11.5). */

import type { IpFamily } from "../../stun/address.ts";
import { type Allocation, isOpenAt } from "../allocation.ts";
import { encodeIcmpIndication } from "../data-indication.ts";
import type { IcmpError, IcmpOutcome } from "../ports.ts";
import type { RelayState } from "../relay-state.ts";
import { standingOf } from "../room-policy.ts";
import { TokenBucket } from "../token-bucket.ts";

/**
 * Destination unreachable and time exceeded; of ICMPv6 also packet too big. "The server verifies that the type is either 3 or 11 for
 * an ICMPv4 packet or either 1, 2, or 3 for an ICMPv6 packet."
 */
const TYPES: Readonly<Record<IpFamily, readonly number[]>> = { 4: [3, 11], 6: [1, 2, 3] };
/** What one allocation is told: enough for path MTU discovery, and no echo of everything that is sent to a closed port. */
const RATE = { burst: 10, perSecond: 10 };

/** Tells the client in a Data indication, or nobody. */
export function receiveIcmp(state: RelayState, allocation: Allocation, error: IcmpError): void {
  state.counters.icmpErrors[outcomeOf(state, allocation, error)]++;
}

function outcomeOf(state: RelayState, allocation: Allocation, error: IcmpError): IcmpOutcome {
  const { target, type, code } = error;
  if (!TYPES[target.family].includes(type)) return "other-type";
  const nowMs = state.clock();
  const permission = allocation.permissionFor(target, nowMs);
  if (permission === undefined || allocation.expiresAtMs <= nowMs) return "no-permission";
  // What an unproven address's machine says of its ports is told to nobody: a member may claim any address.
  if (!isOpenAt(permission, target.port) && standingOf(state, allocation, target) !== "open")
    return "unproven-target";
  allocation.icmpTold ??= new TokenBucket(RATE.perSecond, RATE.burst);
  if (!allocation.icmpTold.has(1, nowMs)) return "rate-limited";
  allocation.icmpTold.take(1, nowMs);
  allocation.link.send(encodeIcmpIndication(target, type, code, errorDataOf(error)));
  return "told";
}

/** The next link's MTU where the packet was too big; "for other ICMPv6 types and ICMPv4 types and codes" zero (section 18.13). */
function errorDataOf({ target, type, code, mtu }: IcmpError): number {
  const isTooBig = target.family === 4 ? type === 3 && code === 4 : type === 2;
  return isTooBig ? mtu : 0;
}
