/**
 * `join` with a resumeToken: the member's new socket takes the seat back. What it missed is sent first, under the old
 * numbers, then `joined`: so its `seq` goes on without a gap, and the peers in `joined` are what all of that led to.
 */

import type { ClientConnection } from "./connection.ts";
import { dismiss } from "./departures.ts";
import type { HubState } from "./hub-state.ts";
import { type Issued, issueIceServers } from "./ice-servers.ts";
import { joinedMessage } from "./join.ts";
import type { ClientMessage, ServerMessageBody } from "./protocol.ts";
import { renewToken } from "./resume-tokens.ts";
import { sendToRoom } from "./rooms.ts";
import type { Seat } from "./session.ts";

export type ResumeMessage = Extract<ClientMessage, { resumeToken: string }>;

export function handleResume(state: HubState, connection: ClientConnection, message: ResumeMessage): void {
  const { ref, resumeToken, lastSeq } = message;
  const seat = state.seatsByToken.get(resumeToken);
  if (seat === undefined)
    return connection.fail(ref, "resume-failed", "no seat waits for this token; join anew");
  const missed = seat.outbox.since(lastSeq);
  if (missed === undefined) {
    connection.fail(ref, "resume-failed", "too much was missed; join anew");
    return giveUp(state, seat);
  }
  const issued = issueIceServers(state, seat.member, connection.info);
  if (issued === undefined) {
    return connection.fail(ref, "unavailable", "no iceServers can be had now; try again");
  }
  takeBack(connection, seat, issued);
  renewToken(state, seat, resumeToken);
  for (const frame of missed) connection.sendFrame(frame);
  seat.send(joinedMessage(state, seat, { ref, created: false, issued }));
  sendToRoom(
    seat.room,
    JSON.stringify({ type: "peer-back", peer: seat.peer } satisfies ServerMessageBody),
    seat,
  );
  state.announce("memberBack", seat.member);
}

/** Its owner cannot take it back any more: it must not stand in the way of the fresh join that comes next. */
function giveUp(state: HubState, seat: Seat): void {
  if (seat.presence.kind === "here") seat.presence.connection.replaced();
  dismiss(state, seat, "timeout");
}

function takeBack(connection: ClientConnection, seat: Seat, issued: Issued): void {
  if (seat.presence.kind === "here") seat.lastRef = seat.presence.connection.replaced();
  seat.presence = { kind: "here", connection };
  seat.info = connection.info;
  seat.iceServersDueAtMs = issued.dueAtMs;
  connection.takeOver(seat);
}
