/**
 * How an allocation follows its client from one 5-tuple to another (RFC 8016 section 3.2.2):
 *
 *   old 5-tuple ═ data both ways ═╪══ data both ways, still ══╪═ free
 *   new 5-tuple ─ Refresh, ticket ╪═ data from the client ════╪═ data both ways
 *                              begins                     is complete: Send or ChannelData from the new one, or the old one closed
 */

import type { Allocation } from "./allocation.ts";
import { endFlows } from "./flows.ts";
import type { ClientLink } from "./ports.ts";
import { closeAllocation, type RelayState } from "./relay-state.ts";

/** An allocation whose connection is gone waits this long for its client to come back with the ticket: as long as for a retransmission. */
const COMEBACK_MS = 30_000;

/** The allocation answers to both 5-tuples from now on; a third one, where a move was begun and not completed, is free. */
export function beginMove(state: RelayState, allocation: Allocation, link: ClientLink): void {
  endFlows(allocation);
  const abandoned = allocation.nextLink;
  const isBack = link === allocation.link;
  state.table.recountClients(allocation, () => {
    allocation.nextLink = isBack ? undefined : link;
  });
  if (abandoned !== undefined) letGo(abandoned);
  if (isBack) return;
  link.holding = allocation;
  link.retain();
  // Its connection was lost before.
  if (allocation.link.holding !== allocation) completeMove(state, allocation);
}

/** What comes for the client goes to its new 5-tuple from now on; the old one is free. */
export function completeMove(state: RelayState, allocation: Allocation): void {
  const { link: left, nextLink: link } = allocation;
  if (link === undefined) return;
  endFlows(allocation);
  state.table.recountClients(allocation, () => {
    allocation.link = link;
    allocation.nextLink = undefined;
  });
  letGo(left);
  const isExempt = state.isExempt(link.remote);
  if (isExempt !== state.isExempt(left.remote)) {
    state.bandwidth.forget(allocation.buckets, allocation.user);
    allocation.buckets = state.bandwidth.bucketsFor(allocation.user, isExempt);
  }
  state.announce("allocationMoved", allocation.summary(), left.remote);
}

/** A connection of the allocation's client is gone. What has a ticket outlives that, for a while. */
export function loseLink(state: RelayState, allocation: Allocation, link: ClientLink): void {
  if (link === allocation.nextLink) return beginMove(state, allocation, allocation.link);
  if (allocation.nextLink !== undefined) return completeMove(state, allocation);
  if (allocation.mobility === undefined) return closeAllocation(state, allocation, "link-closed");
  letGo(link);
  const latestMs = state.clock() + COMEBACK_MS;
  for (const relay of allocation.relays) relay.expiresAtMs = Math.min(relay.expiresAtMs, latestMs);
}

function letGo(link: ClientLink): void {
  link.holding = undefined;
  link.release();
}
