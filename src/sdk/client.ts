/**
 * Turnpike in the browser: a call with everyone in a room.
 *
 *     import { joinRoom } from "/client.js";
 *     const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
 *     const call = await joinRoom("tea at five", { stream });
 *     call.on("track", ({ streams }) => { document.querySelector("video").srcObject = streams[0]; });
 *
 * docs/sdk.md tells the rest. Importing this module touches nothing: it loads in Node too.
 */

import { Call } from "./call.ts";
import { resolveEnvironment } from "./environment.ts";
import { currentPageUrl, type JoinOptions, resolveUrl } from "./options.ts";

/**
 * Joins a room, and makes it when it is not there (unless the server says otherwise). Listeners that are added right
 * after the await miss nothing. Who is in the room already stands in `call.peers`.
 *
 * Rejects with a TurnpikeError: `room-full`, `room-not-found`, `unauthorized`, `draining`, `server-full`, `unavailable`,
 * `connection-failed`, `negotiation-failed`, `bad-message`, `bad-url`, `unsupported`; with `options.resume` also `resume-failed`.
 */
export async function joinRoom(room: string, options: JoinOptions = {}): Promise<Call> {
  return open(room, options, false);
}

/** As `joinRoom`, but the room must be new: rejects with `room-exists` otherwise. */
export async function createRoom(room: string, options: JoinOptions = {}): Promise<Call> {
  return open(room, options, true);
}

async function open(room: string, options: JoinOptions, create: boolean): Promise<Call> {
  const environment = resolveEnvironment(options.environment);
  const url = resolveUrl(options.url, currentPageUrl());
  const call = new Call({ ...options, url, environment, create, room });
  await call.open();
  return call;
}

export type { IceServer, LeaveReason, Limits } from "../signaling/protocol.ts";
export type { Call } from "./call.ts";
export type { Listener, Unsubscribe } from "./emitter.ts";
export type { Environment, SocketLike } from "./environment.ts";
export { TurnpikeError, type TurnpikeErrorCode } from "./errors.ts";
export type { CallEvents, ClosedReason } from "./events.ts";
export type { Resumption } from "./join-request.ts";
export type { JoinOptions } from "./options.ts";
export type { CandidateType, Path } from "./path.ts";
export type { Peer } from "./peer.ts";
export type { IceServerError } from "./peer-link.ts";
