/**
 * The numbers of STUN and TURN: the IANA registries "STUN Methods", "STUN Attributes" and "STUN Error Codes" as far as
 * RFC 8489, RFC 8656, RFC 6062, RFC 5780, RFC 8016 and ICE (RFC 8445) use them. `test/unit/stun/registry.test.ts` holds them against the RFCs' tables.
 */

export const MAGIC_COOKIE = 0x2112a442;
export const HEADER_BYTES = 20;
export const TRANSACTION_ID_BYTES = 12;

export const METHOD = {
  binding: 0x001,
  allocate: 0x003,
  refresh: 0x004,
  send: 0x006,
  data: 0x007,
  createPermission: 0x008,
  channelBind: 0x009,
  // RFC 6062
  connect: 0x00a,
  connectionBind: 0x00b,
  connectionAttempt: 0x00c,
} as const;

/** Attribute types. Below 0x8000 a receiver must understand them (RFC 8489 section 14). */
export const ATTRIBUTE = {
  // RFC 8489
  mappedAddress: 0x0001,
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  realm: 0x0014,
  nonce: 0x0015,
  messageIntegritySha256: 0x001c,
  passwordAlgorithm: 0x001d,
  userhash: 0x001e,
  xorMappedAddress: 0x0020,
  passwordAlgorithms: 0x8002,
  alternateDomain: 0x8003,
  software: 0x8022,
  alternateServer: 0x8023,
  fingerprint: 0x8028,
  // RFC 8656
  channelNumber: 0x000c,
  lifetime: 0x000d,
  xorPeerAddress: 0x0012,
  data: 0x0013,
  xorRelayedAddress: 0x0016,
  requestedAddressFamily: 0x0017,
  evenPort: 0x0018,
  requestedTransport: 0x0019,
  dontFragment: 0x001a,
  reservationToken: 0x0022,
  additionalAddressFamily: 0x8000,
  addressErrorCode: 0x8001,
  icmp: 0x8004,
  // RFC 6062
  connectionId: 0x002a,
  // RFC 5780
  changeRequest: 0x0003,
  padding: 0x0026,
  responsePort: 0x0027,
  responseOrigin: 0x802b,
  otherAddress: 0x802c,
  // RFC 8016
  mobilityTicket: 0x8030,
  // RFC 8445: seen in the connectivity checks that a relay carries
  priority: 0x0024,
  useCandidate: 0x0025,
  iceControlled: 0x8029,
  iceControlling: 0x802a,
} as const;

const ATTRIBUTE_NAMES = new Map<number, string>(
  Object.entries(ATTRIBUTE).map(([name, type]) => [type, name]),
);

/** The attribute's name as in `ATTRIBUTE`, or its number in hexadecimal. */
export function attributeName(type: number): string {
  return ATTRIBUTE_NAMES.get(type) ?? `0x${type.toString(16).padStart(4, "0")}`;
}

export function isComprehensionRequired(attributeType: number): boolean {
  return attributeType < 0x8000;
}

/** Error codes with the reason phrases of RFC 8489 section 14.8, RFC 8656 section 19, RFC 8016 (405) and RFC 6062 (446, 447). */
export const ERROR_REASONS = {
  300: "Try Alternate",
  400: "Bad Request",
  401: "Unauthenticated",
  403: "Forbidden",
  405: "Mobility Forbidden",
  420: "Unknown Attribute",
  437: "Allocation Mismatch",
  438: "Stale Nonce",
  440: "Address Family not Supported",
  441: "Wrong Credentials",
  442: "Unsupported Transport Protocol",
  443: "Peer Address Family Mismatch",
  446: "Connection Already Exists",
  447: "Connection Timeout or Failure",
  486: "Allocation Quota Reached",
  500: "Server Error",
  508: "Insufficient Capacity",
} as const;

export type StunErrorCode = keyof typeof ERROR_REASONS;

/** IANA protocol numbers, as REQUESTED-TRANSPORT carries them. */
export const PROTOCOL_UDP = 17;
export const PROTOCOL_TCP = 6;
