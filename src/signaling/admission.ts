/** Lets a member into a room that is here. Until `commit`, nothing of a join exists. */

import { addressKey } from "./address-counts.ts";
import type { ClientConnection } from "./connection.ts";
import { refuseDraining } from "./draining.ts";
import type { HubState } from "./hub-state.ts";
import { type Issued, issueIceServers } from "./ice-servers.ts";
import { Outbox } from "./outbox.ts";
import { CLOSE_CODES, type ClientMessage, type ErrorCode, type ServerMessageBody } from "./protocol.ts";
import { randomText } from "./random-text.ts";
import { randomToken } from "./resume-tokens.ts";
import { type Room, sendToRoom } from "./rooms.ts";
import { Seat } from "./session.ts";

export type JoinMessage = Extract<ClientMessage, { room: string }>;

/** What `authorize` has made of it. */
export type Decision = { readonly ok: true; readonly name: string | undefined } | { readonly ok: false };

interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Random and without dots: it stands in TURN usernames. */
export function randomId(): string {
  return randomText(12);
}

export function admit(
  state: HubState,
  connection: ClientConnection,
  message: JoinMessage,
  decision: Decision,
): void {
  if (!decision.ok) {
    connection.fail(message.ref, "unauthorized", "you may not join this room");
    connection.close(CLOSE_CODES.unauthorized, "unauthorized");
    return;
  }
  // The world may have changed while the join was being decided: all of this is asked now, in one go.
  const existing = state.rooms.get(message.room);
  // Whoever comes by another node cannot join this call anywhere else: it is let in as long as the call goes on.
  const isLate = existing === undefined || connection.hops === 0;
  if (state.draining && isLate) return refuseDraining(state, connection, message.ref);
  const creator = connection.info.exemptFromLimits ? undefined : addressKey(connection.info.address);
  const refusal = refusalOf(state, message, existing, creator);
  if (refusal !== undefined) return connection.fail(message.ref, refusal.code, refusal.message);
  const room = existing ?? newRoom(message.room, creator, state.ports.now());
  const peer = randomId();
  const issued = issueIceServers(state, { peer, roomKey: room.key }, connection.info);
  if (issued === undefined) {
    return connection.fail(message.ref, "unavailable", "no iceServers can be had now; try again");
  }
  const seat = newSeat(state, connection, { peer, name: decision.name, room, issued });
  commit(state, connection, seat, message.ref, issued);
}

function refusalOf(
  state: HubState,
  { type, room }: JoinMessage,
  existing: Room | undefined,
  creator: string | undefined,
): Refusal | undefined {
  const { rooms, options } = state;
  if (existing !== undefined) {
    if (type === "create") return { code: "room-exists", message: "this room is there already; join it" };
    if (existing.seats.size < options.roomSize) return undefined;
    return { code: "room-full", message: `this room is for ${options.roomSize}` };
  }
  if (type === "join" && !options.createOnJoin) {
    return { code: "room-not-found", message: `nobody has created the room "${room}"` };
  }
  if (rooms.size >= options.maxRooms) return { code: "server-full", message: "no more rooms on this server" };
  if (creator !== undefined && rooms.createdBy(creator) >= options.maxRoomsPerAddress) {
    return { code: "server-full", message: "no more rooms for your address" };
  }
  return undefined;
}

function newRoom(name: string, creator: string | undefined, nowMs: number): Room {
  return { name, key: randomId(), createdAtMs: nowMs, creator, seats: new Map(), joins: 0 };
}

interface NewSeat {
  readonly peer: string;
  readonly name: string | undefined;
  readonly room: Room;
  readonly issued: Issued;
}

function newSeat(state: HubState, connection: ClientConnection, { peer, name, room, issued }: NewSeat): Seat {
  return new Seat({
    peer,
    name,
    room,
    joinOrder: room.joins,
    connection,
    info: connection.info,
    outbox: new Outbox(state.options, connection.lastSeq),
    resumeToken: randomToken(state),
    iceServersDueAtMs: issued.dueAtMs,
  });
}

function commit(
  state: HubState,
  connection: ClientConnection,
  seat: Seat,
  ref: number,
  issued: Issued,
): void {
  const { room } = seat;
  const created = state.rooms.addSeat(seat);
  state.seatsByToken.set(seat.resumeToken, seat);
  connection.take(seat);
  seat.send(joinedMessage(state, seat, { ref, created, issued }));
  tellArrival(seat);
  if (created) state.announce("roomCreated", { roomKey: room.key });
  state.announce("memberJoined", seat.member);
}

function tellArrival(seat: Seat): void {
  const others = [...seat.room.seats.values()].filter((other) => other !== seat);
  for (const other of others) {
    if (other.presence.kind === "away") seat.send({ type: "peer-away", peer: other.peer });
  }
  // Whoever is there already sees the newcomer alike: they are all the impolite side.
  const [witness] = others;
  if (witness === undefined) return;
  const arrival: ServerMessageBody = { type: "peer-joined", ...witness.describe(seat) };
  sendToRoom(seat.room, JSON.stringify(arrival), seat);
}

/** The answer to `create`, `join` and a resume. */
export function joinedMessage(
  state: HubState,
  seat: Seat,
  { ref, created, issued }: { readonly ref: number; readonly created: boolean; readonly issued: Issued },
): ServerMessageBody {
  const { maxMessageBytes, messagesPerSecond, roomSize, heartbeatSeconds } = state.options;
  const others = [...seat.room.seats.values()].filter((other) => other !== seat);
  return {
    type: "joined",
    ref,
    room: seat.room.name,
    peer: seat.peer,
    created,
    peers: others.map((other) => seat.describe(other)),
    ...issued.fields,
    resumeToken: seat.resumeToken,
    limits: { maxMessageBytes, messagesPerSecond, roomSize, heartbeatSeconds },
  };
}
