/** What a room's credentials may do: whom they reach, inside the relay and outside, and what of it ends with a member. */

import type { IpAddress } from "../stun/address.ts";
import type { Allocation } from "./allocation.ts";
import { countFlows, endFlows } from "./flows.ts";
import type { TurnUser } from "./ports.ts";
import type { RelayState } from "./relay-state.ts";
import type { RoomMember, Standing } from "./room-targets.ts";

/**
 * Outside of rooms, and where `relayTo` is "public", the network policy alone decides. Where a member has proved to be, it is no stranger
 * as long as the permission lives: later candidates may have taken the place of that address among its claims.
 */
export function standingOf(state: RelayState, allocation: Allocation, target: IpAddress): Standing {
  const { room } = allocation.user;
  if (state.rooms === undefined || room === undefined) return "open";
  const standing = state.rooms.standing(room, target);
  return standing === "stranger" && isProven(allocation, target, state.clock()) ? "claimed" : standing;
}

function isProven(allocation: Allocation, target: IpAddress, nowMs: number): boolean {
  const permission = allocation.permissionFor(target, nowMs);
  return permission !== undefined && permission.provenPorts.length > 0;
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

/**
 * When a packet of this member last came in to another one of its room, where only the other one is relayed: from where it has proved to
 * be, or sends its TURN requests from. Undefined for one who was not heard.
 */
export function lastHeardAtMs({ table, rooms }: RelayState, member: RoomMember): number | undefined {
  if (rooms === undefined) return undefined;
  let latest = Number.NEGATIVE_INFINITY;
  for (const allocation of table) {
    const { room } = allocation.user;
    if (room?.roomKey !== member.roomKey || room.peer === member.peer) continue;
    countFlows(allocation);
    for (const { ip, provenPorts, lastHeardAtMs } of allocation.permissions) {
      if (lastHeardAtMs <= latest) continue;
      if (provenPorts.some(({ peer }) => peer === member.peer) || rooms.isClientOf(member, ip))
        latest = lastHeardAtMs;
    }
  }
  return latest === Number.NEGATIVE_INFINITY ? undefined : latest;
}

/** A member has left: what others had only by it ends at once, and what is left of its standing is looked at again. */
export function reviewRoom(state: RelayState, roomKey: string, left: string): void {
  const nowMs = state.clock();
  for (const allocation of state.table) {
    if (allocation.user.room?.roomKey !== roomKey) continue;
    endFlows(allocation);
    for (const permission of allocation.permissions) {
      permission.provenPorts = permission.provenPorts.filter(({ peer }) => peer !== left);
      const standing = standingOf(state, allocation, permission.ip);
      permission.isOpen = standing === "open";
      if (standing === "stranger" && permission.verdict === "allowed") permission.expiresAtMs = nowMs;
    }
  }
}
