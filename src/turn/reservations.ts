/** Ports held for a RESERVATION-TOKEN (RFC 8656 section 7.2: at least 30 seconds). */

import { randomBytes } from "node:crypto";
import type { RelaySocket, TurnUser } from "./ports.ts";

const RESERVATION_MS = 30_000;
/** RFC 8656 section 18.10. */
const TOKEN_BYTES = 8;

interface Reservation {
  readonly socket: RelaySocket;
  readonly user: TurnUser;
  readonly expiresAtMs: number;
}

export class Reservations {
  readonly #byToken = new Map<string, Reservation>();

  get size(): number {
    return this.#byToken.size;
  }

  /** Holds the socket for this user; answers the token. */
  hold(socket: RelaySocket, user: TurnUser, nowMs: number): Uint8Array {
    const token = randomBytes(TOKEN_BYTES);
    this.#byToken.set(token.toString("hex"), { socket, user, expiresAtMs: nowMs + RESERVATION_MS });
    return token;
  }

  /** Closes what is held for these users. */
  dropOf(isMeant: (user: TurnUser) => boolean): void {
    for (const [token, { socket, user }] of this.#byToken) {
      if (!isMeant(user)) continue;
      this.#byToken.delete(token);
      socket.close();
    }
  }

  /** Hands the socket over, once; undefined for a token that is unknown, expired or another user's. */
  take(token: Uint8Array, userId: string, nowMs: number): RelaySocket | undefined {
    const name = Buffer.from(token).toString("hex");
    const reservation = this.#byToken.get(name);
    if (reservation === undefined || reservation.user.userId !== userId || reservation.expiresAtMs <= nowMs) {
      return undefined;
    }
    this.#byToken.delete(name);
    return reservation.socket;
  }

  countOfUser(userId: string): number {
    let count = 0;
    for (const reservation of this.#byToken.values()) if (reservation.user.userId === userId) count++;
    return count;
  }

  /** Closes what nobody came for; all of it with `nowMs` of Infinity. */
  sweep(nowMs: number): void {
    for (const [token, reservation] of this.#byToken) {
      if (reservation.expiresAtMs > nowMs) continue;
      this.#byToken.delete(token);
      reservation.socket.close();
    }
  }
}
