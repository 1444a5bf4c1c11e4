/** Refresh (RFC 8656 section 8.2). */

import { readAddressFamily, uint32Attribute } from "../../stun/attributes.ts";
import { findAttribute, type StunAttribute, type StunMessage } from "../../stun/message.ts";
import { ATTRIBUTE } from "../../stun/registry.ts";
import type { Allocation, AllocationRelay } from "../allocation.ts";
import { type Answer, type AuthenticatedRequest, type ErrorAnswer, failure, success } from "../answer.ts";
import { closeRelay, type RelayState } from "../relay-state.ts";
import { readLifetime } from "./allocate-request.ts";

export interface WantedRefresh {
  readonly kind: "wanted";
  readonly relays: readonly AllocationRelay[];
  readonly lifetimeSeconds: number;
}

export function handleRefresh(
  state: RelayState,
  { message, nowMs }: AuthenticatedRequest,
  allocation: Allocation,
): Answer {
  const wanted = readRefresh(message, allocation);
  return wanted.kind === "error" ? wanted : refresh(state, allocation, wanted, nowMs);
}

export function readRefresh(message: StunMessage, allocation: Allocation): WantedRefresh | ErrorAnswer {
  // REQUESTED-ADDRESS-FAMILY picks one of two relayed addresses; without it all are meant. One that there is none of: 443.
  let relays = [...allocation.relays];
  const familyValue = findAttribute(message, ATTRIBUTE.requestedAddressFamily);
  if (familyValue !== undefined) {
    const wanted = readAddressFamily(familyValue);
    if (wanted === undefined) return failure(400);
    relays = relays.filter(({ family }) => family === wanted);
    if (relays.length === 0) return failure(443);
  }

  // The desired lifetime, computed as for Allocate.
  const lifetimeSeconds = readLifetime(message);
  return lifetimeSeconds === undefined ? failure(400) : { kind: "wanted", relays, lifetimeSeconds };
}

/** A lifetime of 0 deletes the relayed addresses, and with the last one the allocation. */
export function refresh(
  state: RelayState,
  allocation: Allocation,
  { relays, lifetimeSeconds }: WantedRefresh,
  nowMs: number,
  ...attributes: readonly StunAttribute[]
): Answer {
  for (const relay of relays) {
    if (lifetimeSeconds === 0) closeRelay(state, allocation, relay, "refresh-zero");
    else relay.expiresAtMs = nowMs + lifetimeSeconds * 1000;
  }
  return success(uint32Attribute(ATTRIBUTE.lifetime, lifetimeSeconds), ...attributes);
}
