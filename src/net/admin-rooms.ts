/**
 * Rooms from the admin port, for machines of the operator.
 *
 *   GET    /rooms/ROOM                 who is in it
 *   DELETE /rooms/ROOM                 ends it for everybody
 *   DELETE /rooms/ROOM/members/PEER    takes one member out; ?reason= is what it is told
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { RoomControl } from "../signaling/ports.ts";
import { isForOperator, sendError, sendJson, sendNotAllowed } from "./admin-answers.ts";
import { pathOf } from "./http-routes.ts";

const PREFIX = "/rooms/";
const DEFAULT_REASON = "taken out by the operator";
const REASON = /^[^\p{Cc}\p{Cs}]{1,200}$/u;

/** False: the path is not one of these, and nothing is answered. */
export function handleRooms(request: IncomingMessage, response: ServerResponse, rooms: RoomControl): boolean {
  if (!pathOf(request).startsWith(PREFIX)) return false;
  if (!isForOperator(request, response)) return true;
  const steps = pathOf(request).slice(PREFIX.length).split("/").map(decoded);
  const [room, members, peer] = steps;
  if (room === undefined || room === "" || steps.includes(undefined)) {
    sendError(response, "bad-request", "the room's name is missing, or is not URL-encoded UTF-8");
  } else if (steps.length === 1) {
    answerRoom(request, response, rooms, room).catch(() => sendUnavailable(response));
  } else if (steps.length === 3 && members === "members" && peer !== undefined) {
    answerMember(request, response, rooms, room, peer).catch(() => sendUnavailable(response));
  } else {
    sendError(response, "not-found", "there are /rooms/ROOM and /rooms/ROOM/members/PEER");
  }
  return true;
}

/** Where several nodes share the rooms, this one may not be asked now. */
function sendUnavailable(response: ServerResponse): void {
  sendError(response, "unavailable", "the room cannot be looked up now");
}

async function answerRoom(
  request: IncomingMessage,
  response: ServerResponse,
  rooms: RoomControl,
  room: string,
): Promise<void> {
  if (request.method !== "GET" && request.method !== "DELETE") return sendNotAllowed(response, "GET, DELETE");
  const members = await rooms.members(room);
  if (members === undefined) sendError(response, "room-not-found", "there is no such room");
  else if (request.method === "GET") sendJson(response, 200, { room, members });
  else sendJson(response, 200, { room, closed: await rooms.closeRoom(room) });
}

async function answerMember(
  request: IncomingMessage,
  response: ServerResponse,
  rooms: RoomControl,
  room: string,
  peer: string,
): Promise<void> {
  if (request.method !== "DELETE") return sendNotAllowed(response, "DELETE");
  const query = new URLSearchParams((request.url ?? "").slice(pathOf(request).length));
  const reason = query.get("reason") ?? DEFAULT_REASON;
  if (!REASON.test(reason))
    return sendError(response, "bad-request", "reason: 1 to 200 characters, none of them control characters");
  if ((await rooms.members(room)) === undefined)
    return sendError(response, "room-not-found", "there is no such room");
  if (!(await rooms.kick(room, peer, reason)))
    return sendError(response, "peer-not-found", "nobody in the room has this id");
  sendJson(response, 200, { room, peer, kicked: true });
}

function decoded(step: string): string | undefined {
  try {
    return decodeURIComponent(step);
  } catch {
    return undefined;
  }
}
