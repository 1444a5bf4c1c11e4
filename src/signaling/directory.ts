/**
 * Where rooms live when several nodes share them.
 *
 * A room lives at one node, and that node's hub alone lets members in. Whoever comes to another node gets a passage: what its client says
 * goes to the hub of its room, and what that hub sends goes to its socket.
 *
 *   client ── socket ── ClientConnection ── Passage ┄┄ (another node) ┄┄ GuestLink ── ClientConnection ── Seat
 */

import type { ConnectionInfo, SignalingLink } from "./ports.ts";
import type { ClientMessage, ServerMessageBody } from "./protocol.ts";

export type Place =
  /** Here, and nowhere else until `release`. */
  | { readonly kind: "here" }
  | { readonly kind: "elsewhere"; readonly node: string }
  /** Nowhere, and it was not to be made. */
  | { readonly kind: "nowhere" }
  /** Nobody can say now. */
  | { readonly kind: "unavailable" };

/** The names of rooms are clients' own words: a directory gives them to nobody in clear. */
export interface RoomDirectory {
  /** How this node's resume tokens begin. */
  readonly tokenPrefix: string;
  /** Whether this node may let members into a room of its own now: nobody else can have made that room meanwhile. */
  holds(room: string): boolean;
  /** Where a room lives; one that lives nowhere lives here from now on, if `mayMake`. Never rejects. */
  locate(room: string, mayMake: boolean): Promise<Place>;
  /** A room has ended here, or was not made after all. */
  release(room: string): void;
  /** Where the seat of a resume token is; "nowhere" where its node is gone. Never rejects. */
  locateToken(resumeToken: string): Promise<Place>;
  /** Gives a connection over to another node. */
  handOver(node: string, entry: Entry, client: PassageClient): Passage;
}

export type EntryMessage = Extract<ClientMessage, { type: "create" | "join" }>;

/** What a connection brings along. */
export interface Entry {
  readonly message: EntryMessage;
  /** As it was decided when the connection came. */
  readonly name: string | undefined;
  readonly info: ConnectionInfo;
  /** The number of the newest message that the client has had. */
  readonly lastSeq: number;
  /** How many nodes it has passed. */
  readonly hops: number;
}

/** The way of one client's words to the node where its room lives. Nothing here throws. */
export interface Passage {
  /** One text frame, weighed but not read. */
  text(text: string): void;
  /** A word of this node to its own client: the hub of the room gives it its number. */
  tell(message: ServerMessageBody): void;
  /** The client has had so many of the frames that came by this passage. */
  arrived(frames: number): void;
  /** The socket is gone. Idempotent. */
  closed(): void;
  /** Of what the other node has not taken yet. */
  readonly waitingBytes: number;
}

/** The way back: what the other node does with the client's socket. */
export interface PassageClient {
  /** The connection is let in: what it says goes there from now on. Comes first, or `refused` does, which ends the passage. */
  entered(): void;
  refused(message: ServerMessageBody): void;
  frame(frame: string): void;
  /** The seat has ended, the connection has not, and this ends the passage. */
  handedBack(rest: HandedBack): void;
  close(code: number, reason: string): void;
  cut(): void;
}

/** Where a connection goes on whose seat was elsewhere. */
export interface HandedBack {
  readonly lastSeq: number;
  readonly lastRef: number;
  /** What went to the other node and was not read there, in order: the client's texts, and words of this node to its client. */
  readonly unread: readonly (string | ServerMessageBody)[];
}

/** At the other end: a socket that another node has. */
export interface GuestLink extends SignalingLink {
  entered(): void;
  /** The connection was not let in, and has ended. */
  refuse(message: ServerMessageBody): void;
  /** The seat has ended, and the guest with it. What comes for it from now on goes back too. */
  handBack(rest: HandedBack): void;
}

/** At the other end: what that node tells of it. Nothing here throws. */
export interface Guest {
  receiveText(text: string): void;
  tell(message: ServerMessageBody): void;
  /** The client has had all that was sent but the last `missing` frames. */
  arrived(missing: number): void;
  /** The entry was given up: its seat, if it has one, is nobody's. */
  abandon(): void;
  closed(): void;
}
