/** `create` and `join`: from the request to the seat. Until `admit` commits, nothing of a join exists. */

import { addressKey } from "./address-counts.ts";
import type { ClientConnection } from "./connection.ts";
import type { RoomDirectory } from "./directory.ts";
import { refuseDraining } from "./draining.ts";
import { type HubState, settle } from "./hub-state.ts";
import { type Issued, issueIceServers } from "./ice-servers.ts";
import { Outbox } from "./outbox.ts";
import { handOver } from "./passage.ts";
import type { AuthorizeResult, JoinRequest } from "./ports.ts";
import { CLOSE_CODES, type ClientMessage, type ErrorCode, type ServerMessageBody } from "./protocol.ts";
import { randomText } from "./random-text.ts";
import { randomToken } from "./resume-tokens.ts";
import { type Room, sendToRoom } from "./rooms.ts";
import { Seat } from "./session.ts";

export type JoinMessage = Extract<ClientMessage, { room: string }>;

type Decision = { readonly ok: true; readonly name: string | undefined } | { readonly ok: false };

interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

export function handleJoin(state: HubState, connection: ClientConnection, message: JoinMessage): void {
  if (state.draining) return refuseDraining(state, connection, message.ref);
  const decision = decide(state, connection, message);
  if (!(decision instanceof Promise)) return admitWhere(state, connection, message, decision);
  connection.beginJoining(message.ref);
  decision
    .then((decided) => {
      // The connection may have dropped meanwhile.
      if (!connection.endJoining()) return;
      admitWhere(state, connection, message, decided);
      connection.readWaiting();
      settle(state);
    })
    .catch((error: unknown) => state.announce("failed", error));
}

/** A join that another node has let come here. */
export function admitGuest(
  state: HubState,
  guest: ClientConnection,
  message: JoinMessage,
  name: string | undefined,
): void {
  admitWhere(state, guest, message, { ok: true, name });
}

/** How often a room that is taken from under a join is looked up anew. */
const MAX_LOOKUPS = 3;

/** Where several nodes share the rooms, one that is not here, or perhaps not any more, is looked up first. */
function admitWhere(
  state: HubState,
  connection: ClientConnection,
  message: JoinMessage,
  decision: Decision,
): void {
  const { directory } = state.ports;
  const isHere = () => state.rooms.get(message.room) !== undefined && directory?.holds(message.room);
  if (directory === undefined || !decision.ok || isHere()) return admit(state, connection, message, decision);
  connection.beginJoining(message.ref);
  lookUp(state, directory, { connection, message, decision }, MAX_LOOKUPS).catch((error: unknown) =>
    state.announce("failed", error),
  );
}

interface Arrival {
  readonly connection: ClientConnection;
  readonly message: JoinMessage;
  readonly decision: Extract<Decision, { ok: true }>;
}

async function lookUp(
  state: HubState,
  directory: RoomDirectory,
  arrival: Arrival,
  lookups: number,
): Promise<void> {
  const { connection, message, decision } = arrival;
  const mayMake = message.type === "create" || state.options.createOnJoin;
  const place = await directory.locate(message.room, mayMake);
  if (place.kind === "elsewhere") {
    handOver(state, connection, place.node, message, decision.name);
    return settle(state);
  }
  // What was found may be no more: another join of the same room has failed and given it back.
  if (place.kind === "here" && !directory.holds(message.room) && lookups > 1)
    return lookUp(state, directory, arrival, lookups - 1);
  if (connection.endJoining()) {
    if (place.kind === "nowhere") refuseUnknownRoom(connection, message);
    else if (place.kind === "unavailable" || !directory.holds(message.room))
      connection.fail(message.ref, "unavailable", "rooms cannot be looked up now; try again");
    else admit(state, connection, message, decision);
  }
  if (place.kind === "here" && state.rooms.get(message.room) === undefined) directory.release(message.room);
  connection.readWaiting();
  settle(state);
}

function refuseUnknownRoom(connection: ClientConnection, { ref, room }: JoinMessage): void {
  connection.fail(ref, "room-not-found", `nobody has created the room "${room}"`);
}

/** Random and without dots: it stands in TURN usernames. */
export function randomId(): string {
  return randomText(12);
}

function decide(
  state: HubState,
  connection: ClientConnection,
  message: JoinMessage,
): Decision | Promise<Decision> {
  const { name, token } = message;
  const join: JoinRequest = {
    room: message.room,
    ...(name === undefined ? {} : { name }),
    ...(token === undefined ? {} : { token }),
    create: message.type === "create",
    info: connection.info,
  };
  const read = (result: AuthorizeResult | undefined) => readDecision(result, name);
  const refuse = (error: unknown): Decision => {
    state.announce("failed", error);
    return { ok: false };
  };
  if (state.ports.authorize === undefined) return { ok: true, name };
  try {
    const result = state.ports.authorize(join);
    return isThenable(result) ? Promise.resolve(result).then(read, refuse) : read(result);
  } catch (error) {
    return refuse(error);
  }
}

function isThenable(value: unknown): value is PromiseLike<AuthorizeResult> {
  return typeof value === "object" && value !== null && "then" in value;
}

/** Whatever is not a clear yes is a no: the hook may be plain JavaScript. */
function readDecision(result: AuthorizeResult | undefined | null, name: string | undefined): Decision {
  if (result === true) return { ok: true, name };
  if (typeof result !== "object" || result === null || result.ok !== true) return { ok: false };
  return { ok: true, name: result.name ?? name };
}

function admit(
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
