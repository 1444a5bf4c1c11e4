/** The rooms that live, each with its seats. */

import { AddressCounts } from "./address-counts.ts";
import type { Seat } from "./session.ts";

export interface Room {
  readonly name: string;
  /** Random, new for each life of the room. */
  readonly key: string;
  readonly createdAtMs: number;
  /** The address key that the room counts for; undefined: for none. */
  readonly creator: string | undefined;
  /** By peer id. */
  readonly seats: Map<string, Seat>;
  /** How many members it has had. */
  joins: number;
}

export class RoomTable {
  readonly #rooms = new Map<string, Room>();
  readonly #byKey = new Map<string, Room>();
  readonly #perAddress = new AddressCounts();
  #seatCount = 0;

  get size(): number {
    return this.#rooms.size;
  }

  get seatCount(): number {
    return this.#seatCount;
  }

  [Symbol.iterator](): IterableIterator<Room> {
    return this.#rooms.values();
  }

  get(name: string): Room | undefined {
    return this.#rooms.get(name);
  }

  getByKey(roomKey: string): Room | undefined {
    return this.#byKey.get(roomKey);
  }

  /** How many living rooms an address has made. */
  createdBy(addressKey: string): number {
    return this.#perAddress.get(addressKey);
  }

  /** Puts a seat into its room, and the room into the table if this is its first seat. Returns true for the first. */
  addSeat(seat: Seat): boolean {
    const { room } = seat;
    const isFirst = room.seats.size === 0;
    if (isFirst) {
      this.#rooms.set(room.name, room);
      this.#byKey.set(room.key, room);
      if (room.creator !== undefined) this.#perAddress.add(room.creator);
    }
    room.seats.set(seat.peer, seat);
    room.joins++;
    this.#seatCount++;
    return isFirst;
  }

  /** Takes a seat out, and the room with its last seat. Returns true for the last. */
  removeSeat(seat: Seat): boolean {
    const { room } = seat;
    room.seats.delete(seat.peer);
    this.#seatCount--;
    if (room.seats.size > 0) return false;
    this.#rooms.delete(room.name);
    this.#byKey.delete(room.key);
    if (room.creator !== undefined) this.#perAddress.remove(room.creator);
    return true;
  }
}

/** Sends one text to everyone in the room but, where given, one seat. */
export function sendToRoom(room: Room, body: string, except?: Seat): void {
  for (const seat of room.seats.values()) {
    if (seat !== except) seat.sendText(body);
  }
}
