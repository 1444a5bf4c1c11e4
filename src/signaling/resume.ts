/**
 * `join` with a resumeToken: the member's new socket takes the seat back. What it missed is sent first, under the old
 * numbers, then `joined`: so its `seq` goes on without a gap, and the peers in `joined` are what all of that led to.
 */

import { joinedMessage } from "./admission.ts";
import type { ClientConnection } from "./connection.ts";
import { dismiss } from "./departures.ts";
import type { RoomDirectory } from "./directory.ts";
import { type HubState, settle } from "./hub-state.ts";
import { type Issued, issueIceServers } from "./ice-servers.ts";
import { handOver } from "./passage.ts";
import type { ClientMessage, ServerMessageBody } from "./protocol.ts";
import { renewToken } from "./resume-tokens.ts";
import { sendToRoom } from "./rooms.ts";
import type { Seat } from "./session.ts";

export type ResumeMessage = Extract<ClientMessage, { resumeToken: string }>;

export function handleResume(state: HubState, connection: ClientConnection, message: ResumeMessage): void {
  const { ref, resumeToken, lastSeq } = message;
  const seat = state.seatsByToken.get(resumeToken);
  if (seat === undefined) return resumeElsewhere(state, connection, message);
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

/** The seat may be at another node. */
function resumeElsewhere(state: HubState, connection: ClientConnection, message: ResumeMessage): void {
  const { ref, resumeToken } = message;
  const { directory } = state.ports;
  const isOurs = directory === undefined || resumeToken.startsWith(directory.tokenPrefix);
  if (isOurs) return failToResume(connection, ref);
  connection.beginJoining(ref);
  findSeat(state, directory, connection, message).catch((error: unknown) => state.announce("failed", error));
}

async function findSeat(
  state: HubState,
  directory: RoomDirectory,
  connection: ClientConnection,
  message: ResumeMessage,
): Promise<void> {
  const place = await directory.locateToken(message.resumeToken);
  if (place.kind === "elsewhere") {
    handOver(state, connection, place.node, message, undefined);
  } else if (connection.endJoining()) {
    const problem = "the server that has the seat cannot be reached now; try again";
    if (place.kind === "unavailable") connection.fail(message.ref, "unavailable", problem);
    else failToResume(connection, message.ref);
    connection.readWaiting();
  }
  settle(state);
}

function failToResume(connection: ClientConnection, ref: number): void {
  connection.fail(ref, "resume-failed", "no seat waits for this token; join anew");
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
