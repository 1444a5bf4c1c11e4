/** What a room's credentials may do: whom they reach, inside the relay and outside, and what of it ends with a member. */

import type { IpAddress } from "../stun/address.ts";
import type { Allocation } from "./allocation.ts";
import type { TurnUser } from "./ports.ts";
import type { RelayState } from "./relay-state.ts";
import type { Standing } from "./room-targets.ts";

/** Outside of rooms, and where `relayTo` is "public", the network policy alone decides. */
export function standingOf(state: RelayState, { user }: Allocation, target: IpAddress): Standing {
  return state.rooms === undefined || user.room === undefined
    ? "open"
    : state.rooms.standing(user.room, target);
}

/** Two members of one room; or two clients without a room, which no room's member reaches. */
export function mayMeetInside(
  { rooms }: RelayState,
  { room: from }: TurnUser,
  { room: to }: TurnUser,
): boolean {
  if (from === undefined || to === undefined) return from === to;
  return from.roomKey === to.roomKey && (from.peer !== to.peer || rooms === undefined);
}

/** A member has left: what others had only by it ends at once, and what is left of its standing is looked at again. */
export function reviewRoom(state: RelayState, roomKey: string, left: string): void {
  const nowMs = state.clock();
  for (const allocation of state.table) {
    if (allocation.user.room?.roomKey !== roomKey) continue;
    for (const permission of allocation.permissions) {
      const standing = standingOf(state, allocation, permission.ip);
      permission.isOpen = standing === "open";
      permission.provenPorts = permission.provenPorts.filter(({ peer }) => peer !== left);
      if (standing === "stranger" && permission.verdict === "allowed") permission.expiresAtMs = nowMs;
    }
  }
}
