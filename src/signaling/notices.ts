/** What the relay has to tell a member's developer. */

import type { HubState } from "./hub-state.ts";
import type { MemberId } from "./ports.ts";

/** Told to one seat; a client asks for an address once per candidate, and again every few minutes. */
const MAX_REFUSED_TARGETS = 16;

/** The relay refused a target to this member: it is told once per address, and no more often than the bound says. */
export function noticeRefusedTarget(
  state: HubState,
  { roomKey, peer }: MemberId,
  address: string,
  reason: string,
): void {
  const seat = state.rooms.getByKey(roomKey)?.seats.get(peer);
  if (seat === undefined) return;
  seat.refusedTargets ??= new Map();
  const { refusedTargets } = seat;
  if (refusedTargets.has(address) || refusedTargets.size >= MAX_REFUSED_TARGETS) return;
  const isFirst = ![...refusedTargets.values()].includes(reason);
  refusedTargets.set(address, reason);
  seat.send({ type: "notice", code: "relay-target-refused", address, reason });
  if (isFirst) state.announce("relayTargetRefused", seat.member, { address, reason });
}
