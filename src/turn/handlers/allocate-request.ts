/** What an Allocate asks for: the checks of RFC 8656 section 7.2 that look at nothing but the request. */

import type { IpFamily } from "../../stun/address.ts";
import {
  readAddressFamily,
  readEvenPort,
  readRequestedTransport,
  readUint32,
  unknownAttributesAttribute,
} from "../../stun/attributes.ts";
import { findAttribute, type StunMessage } from "../../stun/message.ts";
import { ATTRIBUTE, PROTOCOL_TCP, PROTOCOL_UDP, type StunErrorCode } from "../../stun/registry.ts";
import { type ErrorAnswer, failure } from "../answer.ts";
import type { ClientTransport, RelayPortParity, RelayProtocol } from "../ports.ts";

/** RFC 8656 section 3.2: the default lifetime. */
const DEFAULT_LIFETIME_SECONDS = 600;
/** RFC 8656 section 7.2 recommends a maximum of one hour. */
const MAX_LIFETIME_SECONDS = 3600;

/** ADDITIONAL-ADDRESS-FAMILY as the drafts of RFC 8656 numbered it, and Debian's coturn 4.6 clients still do; IANA has not given it away. */
const DRAFT_ADDITIONAL_ADDRESS_FAMILY = 0x8032;

export interface Wanted {
  readonly kind: "wanted";
  readonly protocol: RelayProtocol;
  /** Two of them with ADDITIONAL-ADDRESS-FAMILY: an address of each, or of one if the other cannot be had. */
  readonly families: readonly IpFamily[];
  readonly parity: RelayPortParity;
  readonly lifetimeSeconds: number;
  readonly reservationToken: Uint8Array | undefined;
  /** It asks for a ticket (RFC 8016). */
  readonly isMobile: boolean;
}

/** Who asks. */
export interface Asking {
  readonly transport: ClientTransport;
  /** Whether TCP allocations (RFC 6062) are for this client. */
  readonly mayRelayTcp: boolean;
  /** Whether the relay sockets can do DONT-FRAGMENT. */
  readonly supportsDontFragment: boolean;
  /** Whether its allocation may move (RFC 8016). */
  readonly mayMove: boolean;
}

/** The comments follow the section's numbered steps. */
export function readWanted(message: StunMessage, asking: Asking): Wanted | ErrorAnswer {
  // 3. REQUESTED-TRANSPORT missing or malformed: 400; anything but UDP, and TCP where it is for this client: 442.
  const transportValue = findAttribute(message, ATTRIBUTE.requestedTransport);
  const transport = transportValue && readRequestedTransport(transportValue);
  if (transport === undefined) return failure(400);
  const isTcp = transport === PROTOCOL_TCP && asking.mayRelayTcp;
  if (transport !== PROTOCOL_UDP && !isTcp) return failure(442);
  if (isTcp && !isTcpRequest(message, asking.transport)) return failure(400);

  // RFC 8016 section 3.1.2: a MOBILITY-TICKET that is not empty: 400; one where mobility is forbidden: 405. So it is of a TCP
  // allocation, which is tied to its control connection.
  const ticket = findAttribute(message, ATTRIBUTE.mobilityTicket);
  if (ticket !== undefined && ticket.length > 0) return failure(400);
  if (ticket !== undefined && (isTcp || !asking.mayMove)) return failure(405);

  // 4. DONT-FRAGMENT where the engine cannot do it: 420, as for an attribute that is not known.
  if (findAttribute(message, ATTRIBUTE.dontFragment) !== undefined && !asking.supportsDontFragment)
    return failure(420, unknownAttributesAttribute([ATTRIBUTE.dontFragment]));

  // 5. RESERVATION-TOKEN together with EVEN-PORT or an address family: 400.
  const reservationToken = findAttribute(message, ATTRIBUTE.reservationToken);
  const evenPortValue = findAttribute(message, ATTRIBUTE.evenPort);
  if (reservationToken !== undefined) {
    const requested = findAttribute(message, ATTRIBUTE.requestedAddressFamily);
    const others = [requested, findAdditionalFamily(message), evenPortValue];
    if (others.some((value) => value !== undefined) || reservationToken.length !== 8) return failure(400);
  }

  // 6., 7. and 9. The families.
  const families = readFamilies(message);
  if (typeof families === "number") return failure(families);

  // 8. EVEN-PORT, with the R bit for the next port too: not of two addresses at once.
  const evenPort = evenPortValue === undefined ? undefined : readEvenPort(evenPortValue);
  if (evenPortValue !== undefined && evenPort === undefined) return failure(400);
  if (evenPort?.reserveNext === true && families.length > 1) return failure(400);
  const parity = evenPort === undefined ? "any" : evenPort.reserveNext ? "even-with-next" : "even";

  const lifetimeSeconds = readLifetime(message);
  if (lifetimeSeconds === undefined) return failure(400);
  return {
    kind: "wanted",
    protocol: isTcp ? "tcp" : "udp",
    families,
    parity,
    lifetimeSeconds: lifetimeSeconds === 0 ? DEFAULT_LIFETIME_SECONDS : lifetimeSeconds,
    reservationToken,
    isMobile: ticket !== undefined,
  };
}

/**
 * RFC 6062 section 5.1: "If the client connection transport is not TCP or TLS", 400; "If the request contains the DONT-FRAGMENT,
 * EVEN-PORT, or RESERVATION-TOKEN attribute", 400.
 */
function isTcpRequest(message: StunMessage, transport: ClientTransport): boolean {
  const forbidden = [ATTRIBUTE.dontFragment, ATTRIBUTE.evenPort, ATTRIBUTE.reservationToken];
  return transport !== "udp" && !forbidden.some((type) => findAttribute(message, type) !== undefined);
}

function readFamilies(message: StunMessage): readonly IpFamily[] | Extract<StunErrorCode, 400 | 440> {
  const requested = findAttribute(message, ATTRIBUTE.requestedAddressFamily);
  const additional = findAdditionalFamily(message);
  // 6. "both REQUESTED-ADDRESS-FAMILY and ADDITIONAL-ADDRESS-FAMILY attributes": 400.
  if (requested !== undefined && additional !== undefined) return 400;
  // 9. IPv4 as the additional family: 400. Section 18.11: IPv6 "is the only valid value".
  if (additional !== undefined) return readAddressFamily(additional) === 6 ? [4, 6] : 400;
  // 7. IPv4 unless asked for; a family that nobody knows: 440.
  const family = requested === undefined ? 4 : readAddressFamily(requested);
  if (family === undefined) return 400;
  return family === "unknown" ? 440 : [family];
}

function findAdditionalFamily(message: StunMessage): Uint8Array | undefined {
  return (
    findAttribute(message, ATTRIBUTE.additionalAddressFamily) ??
    findAttribute(message, DRAFT_ADDITIONAL_ADDRESS_FAMILY)
  );
}

/**
 * LIFETIME in seconds, at most the maximum (RFC 8656 section 7.2): the default without the attribute or below the default, and 0 where
 * the client asks for 0. Undefined for a malformed one.
 */
export function readLifetime(message: StunMessage): number | undefined {
  const value = findAttribute(message, ATTRIBUTE.lifetime);
  if (value === undefined) return DEFAULT_LIFETIME_SECONDS;
  const seconds = readUint32(value);
  if (seconds === undefined || seconds === 0) return seconds;
  return Math.min(Math.max(seconds, DEFAULT_LIFETIME_SECONDS), MAX_LIFETIME_SECONDS);
}
