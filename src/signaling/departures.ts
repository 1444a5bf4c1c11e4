/** How seats and rooms end, and how a seat waits for its member. */

import type { HubState } from "./hub-state.ts";
import type { MemberEnd } from "./ports.ts";
import type { LeaveReason, ServerMessageBody } from "./protocol.ts";
import { forgetTokens } from "./resume-tokens.ts";
import { type Room, sendToRoom } from "./rooms.ts";
import type { Seat } from "./session.ts";

/** A seat waits for packets that are still relayed for it, but not for ever. */
const LONGEST_AWAY_MS = 600_000;

/** RFC 6455's registry: "Service Restart". */
const CLOSE_SERVICE_RESTART = 1012;

type RoomClosedReason = Extract<ServerMessageBody, { type: "room-closed" }>["reason"];

/** The member hung up: the room ends, or only its seat does. */
export function leave(state: HubState, seat: Seat): void {
  if (!state.options.clearOnLeave) return dismiss(state, seat, "left");
  removeSeat(state, seat, "left");
  closeRoom(state, seat.room, "left");
}

/** Takes one seat out and tells the others. */
export function dismiss(state: HubState, seat: Seat, reason: LeaveReason): void {
  removeSeat(state, seat, reason);
  tell(seat.room, { type: "peer-left", peer: seat.peer, reason });
}

/** Tells everyone in the room that it is over, and ends it. */
export function closeRoom(state: HubState, room: Room, reason: RoomClosedReason): void {
  const body = JSON.stringify({ type: "room-closed", reason } satisfies ServerMessageBody);
  for (const seat of room.seats.values()) {
    seat.sendText(body);
    removeSeat(state, seat, reason);
  }
}

/** This life of the room is over, its call perhaps not: whoever is here is sent to join again. */
export function abandonRoom(state: HubState, room: Room): void {
  for (const seat of room.seats.values()) {
    const { presence } = seat;
    removeSeat(state, seat, "closed");
    if (presence.kind === "here") presence.connection.close(CLOSE_SERVICE_RESTART, "the room has moved");
  }
}

/** The socket dropped, which is no leave: the seat waits. */
export function seatLost(state: HubState, seat: Seat, lastRef: number): void {
  seat.presence = { kind: "away", sinceMs: state.ports.now() };
  seat.lastRef = lastRef;
  tell(seat.room, { type: "peer-away", peer: seat.peer }, seat);
  state.announce("memberAway", seat.member);
}

/** Gives up a seat whose member has not come back in time. */
export function sweepAwaySeat(state: HubState, seat: Seat, nowMs: number): void {
  if (seat.presence.kind !== "away") return;
  const { sinceMs } = seat.presence;
  const lastSignMs = Math.max(sinceMs, lastRelayedAt(state, seat) ?? sinceMs);
  const { resumeSeconds } = state.options;
  if (nowMs >= Math.min(lastSignMs + resumeSeconds * 1000, sinceMs + LONGEST_AWAY_MS)) {
    dismiss(state, seat, "timeout");
  }
}

function lastRelayedAt(state: HubState, seat: Seat): number | undefined {
  try {
    return state.ports.lastRelayedAt?.(seat.member);
  } catch (error) {
    state.announce("failed", error);
    return undefined;
  }
}

/** The seat is gone, its token with it, and an empty room too. Its connection, if it has one, may join again. */
function removeSeat(state: HubState, seat: Seat, reason: MemberEnd): void {
  const isLast = state.rooms.removeSeat(seat);
  forgetTokens(state, seat);
  if (seat.presence.kind === "here") seat.presence.connection.vacate();
  state.announce("memberLeft", { ...seat.member, reason });
  if (!isLast) return;
  state.ports.directory?.release(seat.room.name);
  const { key: roomKey, createdAtMs, joins: members } = seat.room;
  const seconds = (state.ports.now() - createdAtMs) / 1000;
  state.announce("roomDestroyed", { roomKey, seconds, members });
}

function tell(room: Room, message: ServerMessageBody, except?: Seat): void {
  if (room.seats.size > 0) sendToRoom(room, JSON.stringify(message), except);
}
