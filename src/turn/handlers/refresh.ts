/** Refresh (RFC 8656 section 8.2). */

import { readAddressFamily, uint32Attribute } from "../../stun/attributes.ts";
import { findAttribute } from "../../stun/message.ts";
import { ATTRIBUTE } from "../../stun/registry.ts";
import type { Allocation } from "../allocation.ts";
import { type Answer, type AuthenticatedRequest, failure, success } from "../answer.ts";
import { closeRelay, type RelayState } from "../relay-state.ts";
import { readLifetime } from "./allocate-request.ts";

export function handleRefresh(
  state: RelayState,
  request: AuthenticatedRequest,
  allocation: Allocation,
): Answer {
  // REQUESTED-ADDRESS-FAMILY picks one of two relayed addresses; without it all are meant. One that there is none of: 443.
  let relays = [...allocation.relays];
  const familyValue = findAttribute(request.message, ATTRIBUTE.requestedAddressFamily);
  if (familyValue !== undefined) {
    const wanted = readAddressFamily(familyValue);
    if (wanted === undefined) return failure(400);
    relays = relays.filter(({ family }) => family === wanted);
    if (relays.length === 0) return failure(443);
  }

  // The desired lifetime, computed as for Allocate; 0 deletes the relayed addresses, and with the last one the allocation.
  const lifetimeSeconds = readLifetime(request.message);
  if (lifetimeSeconds === undefined) return failure(400);
  for (const relay of relays) {
    if (lifetimeSeconds === 0) closeRelay(state, allocation, relay, "refresh-zero");
    else relay.expiresAtMs = request.nowMs + lifetimeSeconds * 1000;
  }
  return success(uint32Attribute(ATTRIBUTE.lifetime, lifetimeSeconds));
}
