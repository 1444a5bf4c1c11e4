/**
 * What takes a seat back. A token changes with every use, but the answer that carries the new one may be lost with its
 * socket. So the one that was used last opens the seat as well, until a pong proves that the new one has arrived.
 */

import type { HubState } from "./hub-state.ts";
import { randomText } from "./random-text.ts";
import type { Seat } from "./session.ts";

/** Where there are several nodes, it begins with the name of the one that has the seat. */
export function randomToken({ ports }: HubState): string {
  return `${ports.directory?.tokenPrefix ?? ""}${randomText(24)}`;
}

/** `used` opened the seat; the `joined` that comes next carries a new one. */
export function renewToken(state: HubState, seat: Seat, used: string): void {
  forgetTokens(state, seat);
  seat.previousToken = used;
  seat.resumeToken = randomToken(state);
  seat.tokenSeq = seat.outbox.lastSeq + 1;
  state.seatsByToken.set(seat.previousToken, seat);
  state.seatsByToken.set(seat.resumeToken, seat);
}

/** The client has everything up to this number. */
export function confirmToken(state: HubState, seat: Seat, arrivedSeq: number): void {
  if (seat.previousToken === undefined || arrivedSeq < seat.tokenSeq) return;
  state.seatsByToken.delete(seat.previousToken);
  seat.previousToken = undefined;
}

export function forgetTokens(state: HubState, seat: Seat): void {
  state.seatsByToken.delete(seat.resumeToken);
  if (seat.previousToken !== undefined) state.seatsByToken.delete(seat.previousToken);
}
