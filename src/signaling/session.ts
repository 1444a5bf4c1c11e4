/** A seat: a member's place in a room. It outlives a dropped socket for a while. */

import type { Outbox } from "./outbox.ts";
import type { ConnectionInfo, MemberId, Urgency } from "./ports.ts";
import type { PeerInfo, ServerMessageBody } from "./protocol.ts";
import type { Room } from "./rooms.ts";

/** The socket behind a seat, as the seat uses it. */
export interface SeatConnection {
  sendFrame(frame: string, urgency?: Urgency): void;
  close(code: number, reason: string): void;
  /** The seat is gone; the connection may join again. */
  vacate(): void;
  /** Another socket took the seat: closes this one with 4001. Returns the newest `ref` that it handled. */
  replaced(): number;
}

export type Presence =
  | { readonly kind: "here"; readonly connection: SeatConnection }
  | { readonly kind: "away"; readonly sinceMs: number };

export interface SeatOptions {
  readonly peer: string;
  readonly name: string | undefined;
  readonly room: Room;
  readonly joinOrder: number;
  readonly connection: SeatConnection;
  readonly info: ConnectionInfo;
  readonly outbox: Outbox;
  readonly resumeToken: string;
  readonly iceServersDueAtMs: number;
}

export class Seat {
  readonly peer: string;
  readonly name: string | undefined;
  readonly room: Room;
  /** Rises with every member of the room. */
  readonly joinOrder: number;
  readonly outbox: Outbox;
  /** What issued credentials are for: also the key to what was relayed. */
  readonly member: MemberId;
  presence: Presence;
  /** Of the socket that the seat has or had last. */
  info: ConnectionInfo;
  resumeToken: string;
  /** Opens the seat as well while it is not known whether `resumeToken` has arrived. */
  previousToken: string | undefined;
  /** The number of the message that carries `resumeToken`. */
  tokenSeq = 0;
  /** When fresh iceServers are pushed. */
  iceServersDueAtMs: number;
  /** The newest `ref` that was handled for the seat before its socket dropped. */
  lastRef = 0;
  /** Relay targets that the member was told are refused, and why. */
  refusedTargets: Map<string, string> | undefined;

  constructor(options: SeatOptions) {
    this.peer = options.peer;
    this.name = options.name;
    this.room = options.room;
    this.joinOrder = options.joinOrder;
    this.outbox = options.outbox;
    this.member = { peer: options.peer, roomKey: options.room.key };
    this.presence = { kind: "here", connection: options.connection };
    this.info = options.info;
    this.resumeToken = options.resumeToken;
    this.iceServersDueAtMs = options.iceServersDueAtMs;
  }

  send(message: ServerMessageBody): void {
    this.sendText(JSON.stringify(message));
  }

  /** Sends a message's JSON text, or keeps it until the member is back. */
  sendText(body: string): void {
    this.#sendFrame(this.outbox.add(body), "now");
  }

  /** The same for JSON text that lacks its closing brace: the number goes there, and nothing is copied for it. */
  sendUnclosed(body: string): void {
    this.#sendFrame(this.outbox.addUnclosed(body), "now");
  }

  /** The `ok` to a request. Nobody waits for it: it may leave with what comes next. */
  acknowledge(ref: number): void {
    this.#sendFrame(this.outbox.addOk(ref), "soon");
  }

  #sendFrame(frame: string, urgency: Urgency): void {
    if (this.presence.kind === "here") this.presence.connection.sendFrame(frame, urgency);
  }

  /** How this seat's client sees another one. Who came later is polite, so exactly one of two is. */
  describe(other: Seat): PeerInfo {
    const polite = this.joinOrder > other.joinOrder;
    return other.name === undefined
      ? { peer: other.peer, polite }
      : { peer: other.peer, name: other.name, polite };
  }
}
