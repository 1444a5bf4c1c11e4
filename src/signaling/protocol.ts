/**
 * The signaling protocol, version 1: JSON text frames over a WebSocket at `/signal`.
 * Types only: the SDK imports them, the server checks what arrives against `schemas.ts`.
 * docs/protocol.md says it in prose.
 */

export const PROTOCOL_VERSION = 1;

/** RTCSessionDescriptionInit, as browsers make and take it. */
export interface SessionDescription {
  type: "offer" | "answer" | "pranswer" | "rollback";
  sdp?: string;
}

/** RTCIceCandidateInit; null says that there are no more. */
export interface IceCandidate {
  candidate?: string;
  sdpMid?: string | null;
  sdpMLineIndex?: number | null;
  usernameFragment?: string | null;
}

/** RTCIceServer, ready for `new RTCPeerConnection({ iceServers })`. */
export interface IceServer {
  urls: string[];
  username?: string;
  credential?: string;
}

/** Another member of the room, as this client sees it. */
export interface PeerInfo {
  peer: string;
  name?: string;
  /** This client's role towards that peer in perfect negotiation: the polite side gives way. */
  polite: boolean;
}

export interface Limits {
  maxMessageBytes: number;
  messagesPerSecond: number;
  roomSize: number;
  heartbeatSeconds: number;
}

// ---- client to server; every message carries a rising `ref`

export type ClientMessage =
  | { type: "create" | "join"; ref: number; v: 1; room: string; name?: string; token?: string }
  | { type: "join"; ref: number; v: 1; resumeToken: string; lastSeq: number }
  | { type: "offer" | "answer"; ref: number; to?: string; description: SessionDescription }
  | { type: "candidate"; ref: number; to?: string; candidate: IceCandidate | null }
  | { type: "message"; ref: number; to?: string; data: unknown }
  | { type: "leave"; ref: number }
  | { type: "ice"; ref: number }
  | { type: "report"; ref: number; report: CallReport };

/** What the SDK saw of one connection, for the verdict. */
export interface CallReport {
  to: string;
  state: "connected" | "failed" | "disconnected" | "closed";
  localCandidateType?: "host" | "srflx" | "prflx" | "relay";
  remoteCandidateType?: "host" | "srflx" | "prflx" | "relay";
  relayProtocol?: "udp" | "tcp" | "tls";
  roundTripTimeMs?: number;
  errors?: { code: number; url: string; text: string }[];
}

// ---- server to client; every message carries a `seq` that rises per seat

/** A message of the server before the seat numbers it. */
export type ServerMessageBody =
  | { type: "ok"; ref: number }
  /** `url`: with `draining`, another server that takes new calls. */
  | { type: "error"; ref?: number; code: ErrorCode; message: string; url?: string }
  | {
      type: "joined";
      ref: number;
      room: string;
      peer: string;
      created: boolean;
      peers: PeerInfo[];
      iceServers: IceServer[];
      /** Unix seconds at which the credentials in `iceServers` end. */
      expiresAt: number;
      /** Takes the seat back after the connection dropped; changes with every use. */
      resumeToken: string;
      limits: Limits;
    }
  | ({ type: "peer-joined" } & PeerInfo)
  | { type: "peer-away" | "peer-back"; peer: string }
  | { type: "peer-left"; peer: string; reason: LeaveReason }
  | { type: "offer" | "answer"; from: string; description: SessionDescription }
  | { type: "candidate"; from: string; candidate: IceCandidate | null }
  | { type: "message"; from: string; data: unknown }
  | { type: "ice-servers"; ref?: number; iceServers: IceServer[]; expiresAt: number }
  | { type: "room-closed"; reason: "left" | "closed" | "shutdown" }
  | { type: "kicked"; reason: string }
  | { type: "go-away"; graceSeconds: number; url?: string }
  | { type: "notice"; code: string; [detail: string]: unknown };

export type ServerMessage = ServerMessageBody & { seq: number };

export type LeaveReason = "left" | "timeout" | "kicked";

/** Stable: applications match on these. */
export type ErrorCode =
  | "bad-message"
  | "too-large"
  | "rate-limited"
  | "not-joined"
  | "already-joined"
  | "room-full"
  | "room-exists"
  | "room-not-found"
  | "peer-not-found"
  | "unauthorized"
  | "resume-failed"
  | "draining"
  | "unavailable"
  | "server-full";

/** WebSocket close codes of our own; stable too. */
export const CLOSE_CODES = {
  protocol: 4000,
  /** Another socket took this seat: do not reconnect. */
  replaced: 4001,
  unauthorized: 4003,
  heartbeat: 4008,
  rate: 4029,
} as const;
