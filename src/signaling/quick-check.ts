/**
 * The messages that make up nearly all of signaling, checked by hand, at a fraction of what the schemas cost. Only what is plainly right
 * passes; everything else goes to its schema, which also finds the words for what is wrong.
 */

import { type ClientMessage, PROTOCOL_VERSION } from "./protocol.ts";

type Common =
  | Extract<ClientMessage, { type: "offer" | "answer" | "candidate" | "message" }>
  | Extract<ClientMessage, { room: string }>;

/** Text without control characters and without halves of surrogate pairs; counted in code points. */
export const ROOM_NAME = /^[^\p{Cc}\p{Cs}]{1,128}$/u;
export const MEMBER_NAME = /^[^\p{Cc}\p{Cs}]{1,64}$/u;

const ENTRY_KEYS: ReadonlySet<string> = new Set(["type", "ref", "v", "room", "name", "token"]);
const MAX_PEER_ID_LENGTH = 64;
const MAX_M_LINE_INDEX = 65_535;

/** `value` comes out of JSON.parse, and its `ref` has been read. False: perhaps. */
export function isPlainlyRight(value: Record<string, unknown>): value is Common {
  switch (value.type) {
    case "offer":
    case "answer":
      return isAddressed(value, "description") && isDescription(value.description);
    case "candidate":
      return isAddressed(value, "candidate") && isCandidate(value.candidate);
    case "message":
      return isAddressed(value, "data") && Object.hasOwn(value, "data");
    case "join":
    case "create":
      return isEntry(value);
    default:
      return false;
  }
}

function isEntry(value: Record<string, unknown>): boolean {
  for (const key in value) if (!ENTRY_KEYS.has(key)) return false;
  const { v, room, name, token } = value;
  if (v !== PROTOCOL_VERSION || typeof room !== "string" || !ROOM_NAME.test(room)) return false;
  if (name !== undefined && (typeof name !== "string" || !MEMBER_NAME.test(name))) return false;
  return token === undefined || typeof token === "string";
}

function isAddressed(value: Record<string, unknown>, payload: string): boolean {
  for (const key in value) {
    if (key !== "type" && key !== "ref" && key !== "to" && key !== payload) return false;
  }
  const { to } = value;
  return to === undefined || (typeof to === "string" && to !== "" && to.length <= MAX_PEER_ID_LENGTH);
}

function isDescription(value: unknown): boolean {
  if (!isObject(value)) return false;
  for (const key in value) if (key !== "type" && key !== "sdp") return false;
  const { type, sdp } = value;
  if (sdp !== undefined && typeof sdp !== "string") return false;
  return type === "offer" || type === "answer" || type === "pranswer" || type === "rollback";
}

/** One with fields of its own is right too, but they must be taken out. */
function isCandidate(value: unknown): boolean {
  if (value === null) return true;
  if (!isObject(value)) return false;
  for (const key in value) {
    if (key !== "candidate" && key !== "sdpMid" && key !== "sdpMLineIndex" && key !== "usernameFragment") {
      return false;
    }
  }
  const { candidate, sdpMid, sdpMLineIndex, usernameFragment } = value;
  if (candidate !== undefined && typeof candidate !== "string") return false;
  return isTextOrNull(sdpMid) && isTextOrNull(usernameFragment) && isIndexOrNull(sdpMLineIndex);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTextOrNull(value: unknown): boolean {
  return value === undefined || value === null || typeof value === "string";
}

function isIndexOrNull(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_M_LINE_INDEX;
}
