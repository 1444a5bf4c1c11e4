/** Refresh (RFC 8656 section 8.2). */

import { readAddressFamily, uint32Attribute } from "../../stun/attributes.ts";
import { findAttribute } from "../../stun/message.ts";
import { ATTRIBUTE } from "../../stun/registry.ts";
import type { Allocation } from "../allocation.ts";
import { type Answer, type AuthenticatedRequest, failure, success } from "../answer.ts";
import { closeAllocation, type RelayState } from "../relay-state.ts";
import { readLifetime } from "./allocate.ts";

export function handleRefresh(
  state: RelayState,
  request: AuthenticatedRequest,
  allocation: Allocation,
): Answer {
  // REQUESTED-ADDRESS-FAMILY other than the allocation's: 443.
  const familyValue = findAttribute(request.message, ATTRIBUTE.requestedAddressFamily);
  if (familyValue !== undefined) {
    const family = readAddressFamily(familyValue);
    if (family === undefined) return failure(400);
    if (family !== allocation.relay.relayedAddress.family) return failure(443);
  }

  // The desired lifetime, computed as for Allocate; 0 deletes the allocation.
  const lifetimeSeconds = readLifetime(request.message);
  if (lifetimeSeconds === undefined) return failure(400);
  if (lifetimeSeconds === 0) closeAllocation(state, allocation, "refresh-zero");
  else allocation.expiresAtMs = request.nowMs + lifetimeSeconds * 1000;
  return success(uint32Attribute(ATTRIBUTE.lifetime, lifetimeSeconds));
}
