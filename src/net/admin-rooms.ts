/**
 * Rooms from the admin port, for machines of the operator. JSON out, nothing in: no body is read.
 *
 *   GET    /rooms/ROOM                 who is in it
 *   DELETE /rooms/ROOM                 ends it for everybody
 *   DELETE /rooms/ROOM/members/PEER    takes one member out; ?reason= is what it is told
 *
 * No browser may call this. DELETE is never sent to another origin without a preflight, which gets no leave here; a request that names
 * an origin is refused; and so is a Host that could be a public name, by which a page could have led its visitor here (DNS rebinding).
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { RoomControl } from "../signaling/ports.ts";
import { parseIp } from "../stun/address.ts";
import { pathOf, sendText } from "./http-routes.ts";

const PREFIX = "/rooms/";
const DEFAULT_REASON = "taken out by the operator";
const REASON = /^[^\p{Cc}\p{Cs}]{1,200}$/u;

const STATUS = {
  "bad-request": 400,
  "not-for-browsers": 403,
  "room-not-found": 404,
  "peer-not-found": 404,
  "not-found": 404,
  "method-not-allowed": 405,
} as const;

/** False: the path is not one of these, and nothing was answered. */
export function handleRooms(request: IncomingMessage, response: ServerResponse, rooms: RoomControl): boolean {
  if (!pathOf(request).startsWith(PREFIX)) return false;
  response.setHeader("x-content-type-options", "nosniff");
  // A body is not read.
  if (request.method !== "GET") response.setHeader("connection", "close");
  if (!isForUs(request)) {
    const message = "not from a browser, and by address or a name without dots (curl -H 'Host: localhost')";
    sendError(response, "not-for-browsers", message);
    return true;
  }
  const steps = pathOf(request).slice(PREFIX.length).split("/").map(decoded);
  const [room, members, peer] = steps;
  if (room === undefined || room === "" || steps.includes(undefined)) {
    sendError(response, "bad-request", "the room's name is missing, or is not URL-encoded UTF-8");
  } else if (steps.length === 1) {
    answerRoom(request, response, rooms, room);
  } else if (steps.length === 3 && members === "members" && peer !== undefined) {
    answerMember(request, response, rooms, room, peer);
  } else {
    sendError(response, "not-found", "there are /rooms/ROOM and /rooms/ROOM/members/PEER");
  }
  return true;
}

function answerRoom(
  request: IncomingMessage,
  response: ServerResponse,
  rooms: RoomControl,
  room: string,
): void {
  const members = rooms.members(room);
  if (request.method !== "GET" && request.method !== "DELETE") sendNotAllowed(response, "GET, DELETE");
  else if (members === undefined) sendError(response, "room-not-found", "there is no such room");
  else if (request.method === "GET") sendJson(response, 200, { room, members });
  else sendJson(response, 200, { room, closed: rooms.closeRoom(room) });
}

function answerMember(
  request: IncomingMessage,
  response: ServerResponse,
  rooms: RoomControl,
  room: string,
  peer: string,
): void {
  if (request.method !== "DELETE") return sendNotAllowed(response, "DELETE");
  const query = new URLSearchParams((request.url ?? "").slice(pathOf(request).length));
  const reason = query.get("reason") ?? DEFAULT_REASON;
  if (!REASON.test(reason))
    return sendError(response, "bad-request", "reason: 1 to 200 characters, none of them control characters");
  if (rooms.members(room) === undefined)
    return sendError(response, "room-not-found", "there is no such room");
  if (!rooms.kick(room, peer, reason))
    return sendError(response, "peer-not-found", "nobody in the room has this id");
  sendJson(response, 200, { room, peer, kicked: true });
}

function isForUs({ headers }: IncomingMessage): boolean {
  if (headers.origin !== undefined || headers["sec-fetch-site"] !== undefined) return false;
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::[0-9]*)?$/.exec(headers.host ?? "") ?? [];
  const name = bracketed ?? plain ?? "";
  return parseIp(name) !== undefined || /^[A-Za-z0-9_-]+$/.test(name);
}

function decoded(step: string): string | undefined {
  try {
    return decodeURIComponent(step);
  } catch {
    return undefined;
  }
}

function sendNotAllowed(response: ServerResponse, allow: string): void {
  response.setHeader("allow", allow);
  sendError(response, "method-not-allowed", `only ${allow}`);
}

function sendError(response: ServerResponse, code: keyof typeof STATUS, message: string): void {
  sendJson(response, STATUS[code], { error: { code, message } });
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  sendText(response, status, `${JSON.stringify(body)}\n`, { "content-type": "application/json" });
}
