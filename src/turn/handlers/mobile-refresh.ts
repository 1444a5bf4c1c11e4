/**
 * A Refresh with MOBILITY-TICKET (RFC 8016 section 3.2.2): the client has another address, and wants its allocation there. The comments
 * follow the section. It has the client's MESSAGE-INTEGRITY checked last; here nobody gets this far without.
 */

import { findAttribute, type StunAttribute } from "../../stun/message.ts";
import { ATTRIBUTE } from "../../stun/registry.ts";
import type { Allocation } from "../allocation.ts";
import { isAt } from "../allocation-table.ts";
import { type Answer, type AuthenticatedRequest, failure } from "../answer.ts";
import { beginMove } from "../client-move.ts";
import type { MobilityTickets, TicketHolder } from "../mobility-tickets.ts";
import { isOverQuota } from "../quota.ts";
import { closeExpired, type RelayState } from "../relay-state.ts";
import { readRefresh, refresh } from "./refresh.ts";

export function handleMobileRefresh(
  state: RelayState,
  request: AuthenticatedRequest,
  ticket: Uint8Array,
): Answer {
  const { mobility } = state;
  const { link, message, username, nowMs } = request;

  // Mobility is forbidden: 405.
  if (mobility === undefined) return failure(405);

  // The ticket, not the 5-tuple, says which allocation is meant. One that is not valid: 400.
  if (!mobility.isOurs(ticket)) return failure(400);

  // It names no allocation that is there still: 437. So it is with the old ticket, when it is too late for a retransmission.
  const allocation = mobility.ownerOf(ticket);
  const holder = allocation?.mobility;
  if (allocation === undefined || holder === undefined) return failure(437);
  const isCurrent = sameBytes(ticket, holder.ticket);
  const isForgotten = !isCurrent && (holder.spent?.expiresAtMs ?? 0) <= nowMs;
  if (isForgotten || closeExpired(state, allocation, nowMs)) return failure(437);

  // Not the user that made the allocation: 441.
  if (allocation.username !== username) return failure(441);

  const wanted = readRefresh(message, allocation);
  if (wanted.kind === "error") return wanted;

  // The old ticket is good for a retransmission, and for nothing else.
  if (!isCurrent) {
    const { spent } = holder;
    const isRetransmission = spent?.link === link && sameBytes(spent.transactionId, message.transactionId);
    return isRetransmission
      ? refresh(state, allocation, wanted, nowMs, ticketAttribute(holder.ticket))
      : failure(400);
  }

  // The client is where it was: 400. A 5-tuple that holds another allocation, or waits for one, is not to be had (437).
  if (link === (allocation.nextLink ?? allocation.link)) return failure(400);
  if (link.holding !== undefined && link.holding !== allocation) return failure(437);

  // Who deletes it moves nothing.
  const isDeleted = wanted.lifetimeSeconds === 0 && wanted.relays.length === allocation.relays.length;
  if (isDeleted) return refresh(state, allocation, wanted, nowMs);

  // 405 is for restrictions (section 3.4) such as this: the new address has as many allocations as it may.
  const growth = isAt(allocation, link.remote) ? 0 : allocation.relays.length;
  if (growth > 0 && isOverQuota(state, request, { ofUser: 0, ofClientIp: growth })) return failure(405);

  // The new 5-tuple is added, the old one is not discarded yet. The answer has a new ticket, which must be another one.
  beginMove(state, allocation, link);
  return refresh(state, allocation, wanted, nowMs, newTicket(mobility, request, allocation, holder));
}

/** What a Refresh with a ticket is about; its key vouches for the client. */
export function mobileAllocationOf(
  { mobility }: RelayState,
  message: AuthenticatedRequest["message"],
): Allocation | undefined {
  const ticket = findAttribute(message, ATTRIBUTE.mobilityTicket);
  return ticket && mobility?.ownerOf(ticket);
}

function newTicket(
  mobility: MobilityTickets,
  { link, message, nowMs }: AuthenticatedRequest,
  allocation: Allocation,
  holder: TicketHolder,
): StunAttribute {
  const by = { link, transactionId: message.transactionId };
  return ticketAttribute(mobility.rotate(allocation, holder, by, nowMs));
}

function ticketAttribute(value: Uint8Array): StunAttribute {
  return { type: ATTRIBUTE.mobilityTicket, value };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
