/** `create` and `join`: who may, and where the room is. */

import { admit, type Decision, type JoinMessage } from "./admission.ts";
import type { ClientConnection } from "./connection.ts";
import type { RoomDirectory } from "./directory.ts";
import { refuseDraining } from "./draining.ts";
import { type HubState, settle } from "./hub-state.ts";
import { handOver } from "./passage.ts";
import type { AuthorizeResult, JoinRequest } from "./ports.ts";

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
