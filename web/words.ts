/** What happened, for people. */

import { type CallEvents, type Path, type Peer, TurnpikeError } from "../src/sdk/client.ts";

export interface Ending {
  readonly title: string;
  readonly reason: string;
}

export function describeEnding({ reason, detail, error }: CallEvents["closed"]): Ending {
  switch (reason) {
    case "left":
      return { title: "You hung up", reason: "The room is closed behind you." };
    case "room-closed":
      if (detail === "left") return { title: "The call is over", reason: "The other person hung up." };
      return { title: "The call is over", reason: "The room was closed." };
    case "kicked":
      return { title: "You were taken out of the room", reason: detail ?? "" };
    case "replaced":
      return { title: "This call goes on elsewhere", reason: "It was opened in another tab or window." };
    case "unauthorized":
      return { title: "The call is over", reason: "The server does not let you into this room any more." };
    case "refused":
      return { title: "The call is over", reason: `The way back was closed. ${describeError(error)}` };
    case "connection-lost":
      return { title: "The connection is lost", reason: "The server could not be reached for too long." };
  }
}

const ERRORS: ReadonlyMap<string, string> = new Map([
  [
    "room-full",
    "This room is full. Somebody who has just lost the connection keeps the place for a moment: try again soon, or choose another room.",
  ],
  ["room-not-found", "There is no such room. On this server somebody must open a room first."],
  ["room-exists", "This room is there already."],
  ["unauthorized", "You may not join this room."],
  ["draining", "The server is going down for maintenance. Try again in a few minutes."],
  ["server-full", "The server takes no more calls now. Try again later."],
  ["unavailable", "The server cannot take calls for the moment. Try again soon."],
  ["rate-limited", "Too many tries in a short time. Wait a moment."],
  ["connection-failed", "The server could not be reached. Is the network up?"],
  ["unsupported", "This browser cannot make calls: it has no WebRTC."],
]);

export function describeError(error: unknown): string {
  if (!(error instanceof TurnpikeError)) return "Something went wrong.";
  return ERRORS.get(error.code) ?? `Something went wrong: ${error.message}.`;
}

/** What a call notices of it: nothing, or a moment. */
export function describeGoAway({ graceSeconds, url }: CallEvents["go-away"]): string {
  if (url !== undefined) return "The server is going away. This call moves to another one.";
  const time = graceSeconds < 1 ? "now" : `in ${describeLength(graceSeconds * 1000)} at the latest`;
  return `The server goes down ${time}. A relayed call breaks off then, and is connected again when it is back.`;
}

/** In another seat: the server was started again, say. `peers`: those to whom the connection goes on. */
export function describeReturn(peers: readonly Peer[]): string {
  return peers.some(({ state }) => state === "connected")
    ? "The server was started again. Your call went on without it."
    : "The server was started again. You are back in the room.";
}

/** "Direct through STUN · 12 ms" */
export function describePath({ sentence, roundTripTimeMs }: Path): string {
  if (roundTripTimeMs === undefined) return sentence;
  const digits = roundTripTimeMs < 10 ? 1 : 0;
  return `${sentence} · ${roundTripTimeMs.toFixed(digits)} ms`;
}

/** "3 min 12 s" */
export function describeLength(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  const parts = [
    [hours, "h"],
    [minutes, "min"],
    [seconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first < 0) return "less than a second";
  return parts
    .slice(first, first + 2)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(" ");
}

/** Why a device could not be had; `device` is "camera", "microphone" or both. */
export function describeDeviceError(error: unknown, device: string): string {
  const name = error instanceof DOMException ? error.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return `The browser keeps the ${device} from this page; you can allow it beside the address.`;
    case "NotFoundError":
    case "OverconstrainedError":
      return `No ${device} was found.`;
    case "NotReadableError":
    case "AbortError":
      return `The ${device} could not be opened; perhaps another program is using it.`;
    default:
      return `The ${device} could not be started.`;
  }
}
