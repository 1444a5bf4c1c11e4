/** What the parts of the hub share: settings, tables, observers. */

import type { AddressCounts } from "./address-counts.ts";
import type { ClientConnection } from "./connection.ts";
import type { GuestConnection } from "./guest-connection.ts";
import type { OutboxLimits } from "./outbox.ts";
import type { HubPorts, SignalingEvents } from "./ports.ts";
import type { RoomTable } from "./rooms.ts";
import type { Seat } from "./session.ts";

export interface HubOptions extends Partial<OutboxLimits> {
  readonly roomSize: number;
  /** Whether `join` makes a room that is not there. */
  readonly createOnJoin: boolean;
  /** Whether `leave` clears everyone out and ends the room. */
  readonly clearOnLeave: boolean;
  /** How long a seat stays after its socket dropped. */
  readonly resumeSeconds: number;
  /** Lifetime of issued iceServers; fresh ones are pushed at 80 % of it. */
  readonly ttlSeconds: number;
  /** A longer text frame (in bytes of UTF-8) is answered with `too-large`. */
  readonly maxMessageBytes: number;
  readonly messagesPerSecond: number;
  readonly messageBurst: number;
  readonly maxRooms: number;
  /** Living rooms made from one address (IPv6: one /64). */
  readonly maxRoomsPerAddress: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** A ping this often; no pong by the next ends the connection. */
  readonly heartbeatSeconds: number;
  /** A connection without a seat is closed after this. */
  readonly joinTimeoutSeconds: number;
  /** A connection that lets more than this wait unread is cut as lost. Default 1 MiB. */
  readonly maxBufferedBytes?: number;
  /** Kept per seat for a client that comes back. Default 256. */
  readonly maxReplayMessages?: number;
  /** Default 512 KiB. */
  readonly maxReplayBytes?: number;
}

export interface HubState {
  readonly options: Required<HubOptions>;
  readonly ports: HubPorts;
  readonly announce: Announce;
  readonly rooms: RoomTable;
  readonly seatsByToken: Map<string, Seat>;
  readonly connections: Set<ClientConnection>;
  /** Connections whose sockets are at other nodes. */
  readonly guests: Set<GuestConnection>;
  readonly connectionsPerAddress: AddressCounts;
  /** Connections that failed while something was sent to them; `settle` takes them out when that is done. */
  readonly lost: ClientConnection[];
  /** Guests whose seat has ended; `settle` sends them back to the nodes that have their sockets. */
  readonly vacated: GuestConnection[];
  /** Set by `goAway`: nobody new is let in. */
  draining: boolean;
  /** Where `goAway` sends everybody instead; undefined: the port is asked. */
  elsewhere: string | undefined;
}

/** Calls an observer; what it throws goes to `failed` and no further. */
export type Announce = <Name extends keyof SignalingEvents>(
  name: Name,
  ...details: Parameters<NonNullable<SignalingEvents[Name]>>
) => void;

export function createAnnounce(events: SignalingEvents): Announce {
  return function announce(name, ...details) {
    try {
      (events[name] as ((...args: unknown[]) => void) | undefined)?.apply(events, details);
    } catch (error) {
      if (name !== "failed") announce("failed", error);
    }
  };
}

/**
 * The last step of everything that may send: connections found dead meanwhile are taken out now, not in the middle of
 * telling a room something.
 */
export function settle(state: HubState): void {
  for (let guest = state.vacated.pop(); guest !== undefined; guest = state.vacated.pop()) guest.goBack();
  for (let dead = state.lost.pop(); dead !== undefined; dead = state.lost.pop()) dead.cut();
}
