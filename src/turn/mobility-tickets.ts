/**
 * MOBILITY-TICKETs (RFC 8016): random names of allocations, authenticated so that one of ours is told from one that never was. They
 * carry nothing that could be read, and are good for as long as their allocation lives. An allocation has two at most: the one that is
 * good for the next move, and the one that it moved with. 32 characters: `turnutils_uclient` keeps no more, and takes them for a C string.
 */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Allocation } from "./allocation.ts";
import type { ClientLink } from "./ports.ts";

const NAME_BYTES = 15;
const NAME_CHARACTERS = 20;
const MAC_BYTES = 9;
const MAC_CHARACTERS = 12;
/** Section 3.2.2: the old ticket must be kept for at least 30 seconds, so that a retransmission is known for one. */
const RETRANSMISSION_MS = 30_000;

/** The ticket of an allocation's last move. */
export interface SpentTicket {
  readonly ticket: Uint8Array;
  /** Of the Refresh that it came with, and where that came from. */
  readonly transactionId: Uint8Array;
  readonly link: ClientLink;
  readonly expiresAtMs: number;
}

/** What makes an allocation a mobile one. */
export interface TicketHolder {
  /** Good for one move. */
  readonly ticket: Uint8Array;
  readonly spent: SpentTicket | undefined;
}

export class MobilityTickets {
  readonly #key = randomBytes(32);
  readonly #owners = new Map<string, Allocation>();

  /** Tickets that name an allocation still. */
  get size(): number {
    return this.#owners.size;
  }

  /** Makes the allocation a mobile one; its ticket. */
  issue(allocation: Allocation): Uint8Array {
    const ticket = this.#newTicketOf(allocation);
    allocation.mobility = { ticket, spent: undefined };
    return ticket;
  }

  /** The allocation has moved with its ticket: from now on it is good for a retransmission only, and there is another one. */
  rotate(
    allocation: Allocation,
    holder: TicketHolder,
    by: Pick<SpentTicket, "transactionId" | "link">,
    nowMs: number,
  ): Uint8Array {
    if (holder.spent !== undefined) this.#owners.delete(nameOf(holder.spent.ticket));
    const ticket = this.#newTicketOf(allocation);
    const spent = { ...by, ticket: holder.ticket, expiresAtMs: nowMs + RETRANSMISSION_MS };
    allocation.mobility = { ticket, spent };
    return ticket;
  }

  /** Whose ticket this is, or was last. */
  ownerOf(ticket: Uint8Array): Allocation | undefined {
    return this.#owners.get(nameOf(ticket));
  }

  /** Whether it was made here at all. */
  isOurs(ticket: Uint8Array): boolean {
    if (ticket.length !== NAME_CHARACTERS + MAC_CHARACTERS) return false;
    const mac = Buffer.from(this.#macOf(ticket.subarray(0, NAME_CHARACTERS)));
    return timingSafeEqual(ticket.subarray(NAME_CHARACTERS), mac);
  }

  forget({ mobility }: Allocation): void {
    if (mobility === undefined) return;
    this.#owners.delete(nameOf(mobility.ticket));
    if (mobility.spent !== undefined) this.#owners.delete(nameOf(mobility.spent.ticket));
  }

  #newTicketOf(allocation: Allocation): Uint8Array {
    const name = randomBytes(NAME_BYTES).toString("base64url");
    const ticket = Buffer.from(name + this.#macOf(Buffer.from(name)));
    this.#owners.set(nameOf(ticket), allocation);
    return ticket;
  }

  #macOf(name: Uint8Array): string {
    return createHmac("sha256", this.#key).update(name).digest().toString("base64url", 0, MAC_BYTES);
  }
}

function nameOf(ticket: Uint8Array): string {
  return Buffer.from(ticket).toString("latin1");
}
