/**
 * The hub: every connection, every room. It has no socket and no timer; whoever has them calls `connect` for each
 * WebSocket and `sweep` once a second.
 */

import { AddressCounts, addressKey } from "./address-counts.ts";
import { ClientConnection } from "./connection.ts";
import { abandonRoom, closeRoom, dismiss, sweepAwaySeat } from "./departures.ts";
import type { Entry, Guest, GuestLink } from "./directory.ts";
import { drain } from "./draining.ts";
import { GuestConnection } from "./guest-connection.ts";
import { createAnnounce, type HubOptions, type HubState, settle } from "./hub-state.ts";
import { sweepIceServers } from "./ice-servers.ts";
import { admitGuest } from "./join.ts";
import { noticeRefusedTarget } from "./notices.ts";
import { numbered } from "./outbox.ts";
import type { Connection, ConnectionInfo, HubPorts, MemberId, RoomMember, SignalingLink } from "./ports.ts";
import type { ErrorCode } from "./protocol.ts";
import { handleResume } from "./resume.ts";
import type { RoomQuestion } from "./room-control.ts";
import { RoomTable } from "./rooms.ts";
import type { Seat } from "./session.ts";

export type { HubOptions } from "./hub-state.ts";

const DEFAULTS = { maxBufferedBytes: 1_048_576, maxReplayMessages: 256, maxReplayBytes: 524_288 };

/** Each costs a signature and one message. */
const RENEWALS_PER_SECOND = 1000;

/** RFC 6455's registry: "Try Again Later". */
const CLOSE_TRY_AGAIN_LATER = 1013;

export class Hub {
  readonly #state: HubState;

  constructor(options: HubOptions, ports: HubPorts) {
    this.#state = {
      options: { ...DEFAULTS, ...options },
      ports,
      announce: createAnnounce(ports.events),
      rooms: new RoomTable(),
      seatsByToken: new Map(),
      connections: new Set(),
      guests: new Set(),
      connectionsPerAddress: new AddressCounts(),
      lost: [],
      vacated: [],
      draining: false,
      elsewhere: undefined,
    };
  }

  /** `members` counts seats, those of members who are away as well. */
  get stats(): { rooms: number; members: number; connections: number } {
    const { rooms, connections } = this.#state;
    return { rooms: rooms.size, members: rooms.seatCount, connections: connections.size };
  }

  /** Rooms with two seats or more, those of members who are away as well. */
  get callCount(): number {
    let calls = 0;
    for (const room of this.#state.rooms) if (room.seats.size > 1) calls++;
    return calls;
  }

  /** Connections whose sockets are at other nodes. */
  get guestCount(): number {
    return this.#state.guests.size;
  }

  /** The names of the rooms that are here. */
  get roomNames(): string[] {
    return [...this.#state.rooms].map(({ name }) => name);
  }

  /** Whether a member has its seat still, here or away: as long as it does, its TURN credentials are good. */
  hasSeat({ roomKey, peer }: MemberId): boolean {
    return this.#state.rooms.getByKey(roomKey)?.seats.has(peer) === true;
  }

  /** A new WebSocket. Undefined: refused, and the link has been closed after an error `server-full`. */
  connect(link: SignalingLink, info: ConnectionInfo): Connection | undefined {
    const refusal = this.#refusalOf(info);
    if (refusal === undefined) return new ClientConnection(this.#state, link, info);
    const code: ErrorCode = "server-full";
    this.#state.announce("requestFailed", code);
    try {
      link.send(numbered(JSON.stringify({ type: "error", code, message: refusal }), 1));
      link.close(CLOSE_TRY_AGAIN_LATER, refusal);
    } catch (error) {
      this.#state.announce("failed", error);
    }
    return undefined;
  }

  /** A connection whose socket is at another node: its room is here, or was when that node asked. */
  receive(link: GuestLink, entry: Entry): Guest {
    const { message } = entry;
    const guest = new GuestConnection(this.#state, link, entry);
    if ("resumeToken" in message) handleResume(this.#state, guest, message);
    else admitGuest(this.#state, guest, message, entry.name);
    settle(this.#state);
    return guest;
  }

  /** Another node has made this room meanwhile: whoever is in it here comes back by itself, and finds that one. */
  abandonRoom(room: string): void {
    const found = this.#state.rooms.get(room);
    if (found !== undefined) abandonRoom(this.#state, found);
    settle(this.#state);
  }

  /** Once a second: heartbeats, connections that never join, seats whose time is up, fresh iceServers. */
  sweep(): void {
    const state = this.#state;
    const nowMs = state.ports.now();
    for (const connection of state.connections) connection.sweep(nowMs);
    for (const guest of state.guests) guest.sweep(nowMs);
    for (const room of state.rooms) {
      for (const seat of room.seats.values()) {
        sweepAwaySeat(state, seat, nowMs);
        sweepIceServers(state, seat, nowMs);
      }
    }
    settle(state);
  }

  /** The secret changed: everybody seated gets fresh iceServers, the first at once, and so many a second that nothing waits for it. */
  renewIceServers(): void {
    const nowMs = this.#state.ports.now();
    let index = 0;
    for (const room of this.#state.rooms) {
      for (const seat of room.seats.values()) {
        const dueAtMs = nowMs + Math.floor(index++ / RENEWALS_PER_SECOND) * 1000;
        seat.iceServersDueAtMs = Math.min(seat.iceServersDueAtMs, dueAtMs);
        sweepIceServers(this.#state, seat, nowMs);
      }
    }
    settle(this.#state);
  }

  /**
   * Tells every member that the server is going away. From now on `create` and `join` are answered with `draining`; a resume is not.
   * `url`: where to go instead; left out, `ports.otherNodeUrl` is asked.
   */
  goAway(graceSeconds: number, url?: string): void {
    drain(this.#state, graceSeconds, url);
    settle(this.#state);
  }

  /** Who is in a room. Undefined: no such room. */
  members(room: string): readonly RoomMember[] | undefined {
    const found = this.#state.rooms.get(room);
    return found && [...found.seats.values()].map(describeMember);
  }

  hasRoom(room: string): boolean {
    return this.#state.rooms.get(room) !== undefined;
  }

  /** What an operator asks, at whichever node; null: no such room. */
  answer(question: RoomQuestion): unknown {
    const { about, room } = question;
    if (about === "members") return this.members(room) ?? null;
    if (about === "kick") return this.kick(room, question.peer, question.reason);
    return this.closeRoom(room);
  }

  /** Takes one member out of a room. Its connection stays and may join again. False: no such member. */
  kick(room: string, peer: string, reason: string): boolean {
    const seat = this.#state.rooms.get(room)?.seats.get(peer);
    if (seat === undefined) return false;
    seat.send({ type: "kicked", reason });
    dismiss(this.#state, seat, "kicked");
    settle(this.#state);
    return true;
  }

  /** The relay has refused this address to a member, who gets a notice: once per address, and of the first sixteen. */
  relayTargetRefused(member: MemberId, address: string, reason: string): void {
    noticeRefusedTarget(this.#state, member, address, reason);
    settle(this.#state);
  }

  /** Ends a room for everyone in it. False: no such room. */
  closeRoom(room: string, reason: "closed" | "shutdown" = "closed"): boolean {
    const found = this.#state.rooms.get(room);
    if (found === undefined) return false;
    closeRoom(this.#state, found, reason);
    settle(this.#state);
    return true;
  }

  closeGuests(code: number, reason: string): void {
    for (const guest of this.#state.guests) guest.close(code, reason);
    settle(this.#state);
  }

  closeAllRooms(reason: "closed" | "shutdown"): void {
    for (const room of this.#state.rooms) closeRoom(this.#state, room, reason);
    settle(this.#state);
  }

  #refusalOf(info: ConnectionInfo): string | undefined {
    const { options, connections, connectionsPerAddress } = this.#state;
    if (connections.size >= options.maxConnections) return "this server is full";
    if (info.exemptFromLimits) return undefined;
    const open = connectionsPerAddress.get(addressKey(info.address));
    return open >= options.maxConnectionsPerAddress ? "too many connections from your address" : undefined;
  }
}

function describeMember({ peer, name, presence }: Seat): RoomMember {
  return { peer, ...(name !== undefined && { name }), here: presence.kind === "here" };
}
