/** Mobility (RFC 8016) as a client asks for it. */

import type { TransportAddress } from "../../src/stun/address.ts";
import type { StunAttribute } from "../../src/stun/message.ts";
import { ATTRIBUTE } from "../../src/stun/registry.ts";
import { assertSuccess } from "../conformance/checks.ts";
import { NotApplicableError } from "../conformance-suite/not-applicable.ts";
import type { TurnAnswer } from "./turn-answer.ts";
import type { TurnClient } from "./turn-client.ts";

/** In an Allocate: a ticket, please. */
export const TICKET_PLEASE: StunAttribute = { type: ATTRIBUTE.mobilityTicket, value: new Uint8Array() };

export function ticketAttribute(value: Uint8Array): StunAttribute {
  return { type: ATTRIBUTE.mobilityTicket, value };
}

export interface Mobile {
  readonly client: TurnClient;
  readonly relayed: TransportAddress;
  readonly ticket: Uint8Array;
}

/** An allocation that may move. A server that forbids mobility (405), or passes over the wish for it, is not to be asked for more. */
export async function allocateMobile(client: TurnClient): Promise<Mobile> {
  const answer = await client.allocate({ attributes: [TICKET_PLEASE] });
  if (answer.outcome === 405) throw new NotApplicableError("needs a server that allows mobility (RFC 8016)");
  assertSuccess(answer, "Allocate with an empty MOBILITY-TICKET");
  const { relayedAddress: relayed, mobilityTicket: ticket } = answer;
  if (relayed === undefined || ticket === undefined)
    throw new NotApplicableError("needs a server that gives a MOBILITY-TICKET (RFC 8016)");
  return { client, relayed, ticket };
}

/** Refresh with the ticket, from where this client is. A server may have nonces of its own for each allocation: 438 is asked again. */
export async function moveTo(
  client: TurnClient,
  ticket: Uint8Array,
  lifetimeSeconds?: number,
): Promise<TurnAnswer> {
  const attributes = [ticketAttribute(ticket)];
  const answer = await client.refresh(lifetimeSeconds, attributes);
  return answer.errorCode === 438 ? client.refresh(lifetimeSeconds, attributes) : answer;
}

/** The same, and it must succeed; the new ticket. */
export async function move(client: TurnClient, ticket: Uint8Array): Promise<Uint8Array> {
  const answer = await moveTo(client, ticket, 600);
  assertSuccess(answer, "Refresh with the ticket");
  if (answer.mobilityTicket === undefined) throw new Error("no new ticket");
  return answer.mobilityTicket;
}
