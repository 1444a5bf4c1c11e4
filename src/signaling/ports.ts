/**
 * What the hub asks of the world. The rooms' rules never open a socket and never ask the time: text comes in through a
 * `Connection`, answers go to a `SignalingLink`, and the clock is a function.
 */

import type { RoomDirectory } from "./directory.ts";
import type { SignalledIce } from "./ice-in-sdp.ts";
import type { CallReport, ErrorCode, IceServer, LeaveReason } from "./protocol.ts";

/** "soon": within some milliseconds, so that it may leave together with others. */
export type Urgency = "now" | "soon";

/** One WebSocket, as the hub uses it. */
export interface SignalingLink {
  /** Sends one text frame, behind every one before. Default: now. */
  send(text: string, urgency?: Urgency): void;
  /** Says goodbye with a WebSocket close code; `reason` is at most 123 bytes. */
  close(code: number, reason: string): void;
  ping(): void;
  /** Cuts the socket at once. */
  terminate(): void;
  /** Bytes that wait because the other end does not read. */
  readonly bufferedBytes: number;
}

export interface ConnectionInfo {
  /** The client's IP in text, with trusted proxies taken out of the way. */
  readonly address: string;
  /** The hostname that the client used: Host header without port, an IPv6 address without brackets. */
  readonly host: string;
  /** Over https or wss. */
  readonly secure: boolean;
  /** Loopback under --dev: no limits per address, no rate limits. */
  readonly exemptFromLimits: boolean;
}

/** The other direction: what the hub is told of one WebSocket. Nothing here throws. */
export interface Connection {
  receiveText(text: string): void;
  receiveBinary(): void;
  receivePong(): void;
  /** The socket is gone, for whatever reason. Idempotent. */
  closed(): void;
}

export interface JoinRequest {
  readonly room: string;
  readonly name?: string;
  readonly token?: string;
  /** True for `create`, false for `join` (which may make the room as well: `createOnJoin`). */
  readonly create: boolean;
  readonly info: ConnectionInfo;
}

/** `name` overrides the client's. */
export type AuthorizeResult = boolean | { readonly ok: boolean; readonly name?: string };

/** A seat, without the room's name. */
export interface MemberId {
  readonly peer: string;
  /** Random, new for each life of a room; base64url. */
  readonly roomKey: string;
}

export interface IssuedIceServers {
  readonly iceServers: IceServer[];
  /** Unix seconds at which the credentials end. */
  readonly expiresAt: number;
}

export interface HubPorts {
  /** Milliseconds that only rise; the zero is anywhere. */
  now(): number;
  /** A throw is answered with `unavailable` and reported through `events.failed`. */
  issueIceServers(member: MemberId, info: ConnectionInfo): IssuedIceServers;
  /** Left out: everybody may join. A throw or rejection is `unauthorized`, reported through `events.failed`. */
  authorize?(join: JoinRequest): AuthorizeResult | Promise<AuthorizeResult>;
  /** When (by `now`) a packet was last relayed for this member: its seat waits for it that much longer. */
  lastRelayedAt?(member: MemberId): number | undefined;
  /** A member signals ICE to another of its room: told before that one hears of it. A throw is reported through `events.failed`. */
  iceSignalled?(from: MemberId, to: string, ice: SignalledIce): void;
  /** While this server drains: the URL of another one that takes new calls. Left out, or undefined: there is none. */
  otherNodeUrl?(): string | undefined;
  /** Left out: this is the only node, and every room is here. */
  readonly directory?: RoomDirectory;
  readonly events: SignalingEvents;
}

/** Who is in a room. */
export interface RoomMember {
  readonly peer: string;
  readonly name?: string;
  /** False: its connection is lost, and its seat waits. */
  readonly here: boolean;
}

/** What an operator may do to a room, by its name, wherever it lives. Each rejects with `RoomUnavailableError` where nobody can say. */
export interface RoomControl {
  /** Undefined: no such room. */
  members(room: string): Promise<readonly RoomMember[] | undefined>;
  /**
   * Takes one member out; its relay ends with it. Its connection stays and may join again, unless it is not let in. False: no such
   * member. `reason` is what the member is told.
   */
  kick(room: string, peer: string, reason: string): Promise<boolean>;
  /** Ends a room for everyone in it. False: no such room. */
  closeRoom(room: string): Promise<boolean>;
}

/** Why a seat ended: `left` also for those whom the other's `leave` cleared out of a room of two. */
export type MemberEnd = LeaveReason | "closed" | "shutdown";

/** Observers: they may throw, the hub does not. Nothing here carries a room's name, a description or a secret. */
export interface SignalingEvents {
  roomCreated?(room: { readonly roomKey: string }): void;
  /** `members`: how many seats the room has had in its life. */
  roomDestroyed?(room: {
    readonly roomKey: string;
    readonly seconds: number;
    readonly members: number;
  }): void;
  memberJoined?(member: MemberId): void;
  /** The member's socket dropped; its seat stays for a while. */
  memberAway?(member: MemberId): void;
  /** The member took its seat back with another socket. */
  memberBack?(member: MemberId): void;
  /** The seat is gone: whatever was given for it ends now. Told for every seat, before `roomDestroyed`. */
  memberLeft?(member: MemberId & { readonly reason: MemberEnd }): void;
  /** Once per message of a client, whether it went to one member or to many; bytes of the frame that it came in. */
  messageForwarded?(type: "offer" | "answer" | "candidate" | "message", bytes: number): void;
  /** A client was answered with an error. */
  requestFailed?(code: ErrorCode): void;
  /** What a member's SDK saw of one connection. */
  callReported?(member: MemberId, report: CallReport): void;
  /** The relay refused this member a target, and the member was told: the first time for each reason. */
  relayTargetRefused?(member: MemberId, refused: { readonly address: string; readonly reason: string }): void;
  /** The hub closed a connection with one of its own codes. */
  connectionClosed?(code: number): void;
  /** An observer or a port threw. */
  failed?(error: unknown): void;
}
