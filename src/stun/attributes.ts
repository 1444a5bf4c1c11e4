/**
 * Attribute values (RFC 8489 section 14, RFC 8656 section 18): readers return undefined for a value of the wrong shape,
 * writers make a `StunAttribute`.
 */

import { type IpFamily, ipv4FromWord, ipv6FromWords, type TransportAddress, withPort } from "./address.ts";
import type { StunAttribute } from "./message.ts";
import { ATTRIBUTE, ERROR_REASONS, MAGIC_COOKIE, type StunErrorCode } from "./registry.ts";

const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;
/** A byte order mark is text like any other: "\ufeffalice" is not "alice". */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function viewOf(value: Uint8Array): DataView {
  return new DataView(value.buffer, value.byteOffset, value.length);
}

// ---- addresses

/** MAPPED-ADDRESS, ALTERNATE-SERVER. */
export function readAddress(value: Uint8Array): TransportAddress | undefined {
  const view = viewOf(value);
  if (value.length === 8 && value[1] === FAMILY_IPV4) {
    return withPort(ipv4FromWord(view.getUint32(4)), view.getUint16(2));
  }
  if (value.length === 20 && value[1] === FAMILY_IPV6) {
    const ip = ipv6FromWords(view.getUint32(4), view.getUint32(8), view.getUint32(12), view.getUint32(16));
    return withPort(ip, view.getUint16(2));
  }
  return undefined;
}

/** XOR-MAPPED-ADDRESS, XOR-PEER-ADDRESS, XOR-RELAYED-ADDRESS (RFC 8489 section 14.2). */
export function readXorAddress(value: Uint8Array, transactionId: Uint8Array): TransportAddress | undefined {
  const address = readAddress(value);
  return address === undefined ? undefined : xorAddress(address, transactionId);
}

export function addressAttribute(type: number, address: TransportAddress): StunAttribute {
  const value = new Uint8Array(address.family === 4 ? 8 : 20);
  const view = viewOf(value);
  view.setUint8(1, address.family === 4 ? FAMILY_IPV4 : FAMILY_IPV6);
  view.setUint16(2, address.port);
  if (address.family === 4) {
    view.setUint32(4, address.w3);
  } else {
    view.setUint32(4, address.w0);
    view.setUint32(8, address.w1);
    view.setUint32(12, address.w2);
    view.setUint32(16, address.w3);
  }
  return { type, value };
}

export function xorAddressAttribute(
  type: number,
  address: TransportAddress,
  transactionId: Uint8Array,
): StunAttribute {
  return addressAttribute(type, xorAddress(address, transactionId));
}

/** The XOR of section 14.2 is its own inverse. */
function xorAddress(address: TransportAddress, transactionId: Uint8Array): TransportAddress {
  const port = address.port ^ (MAGIC_COOKIE >>> 16);
  if (address.family === 4) return withPort(ipv4FromWord(address.w3 ^ MAGIC_COOKIE), port);
  const id = viewOf(transactionId);
  const ip = ipv6FromWords(
    address.w0 ^ MAGIC_COOKIE,
    address.w1 ^ id.getUint32(0),
    address.w2 ^ id.getUint32(4),
    address.w3 ^ id.getUint32(8),
  );
  return withPort(ip, port);
}

// ---- numbers and flags

/** LIFETIME in seconds, and any other 32-bit value. */
export function readUint32(value: Uint8Array): number | undefined {
  return value.length === 4 ? viewOf(value).getUint32(0) : undefined;
}

export function uint32Attribute(type: number, number: number): StunAttribute {
  const value = new Uint8Array(4);
  viewOf(value).setUint32(0, number);
  return { type, value };
}

/**
 * ICMP (RFC 8656 section 18.13), as its figure 11 has it: 16 reserved bits, 7 of the type, 9 of the code, and 32 of error data.
 */
export function icmpAttribute(icmpType: number, icmpCode: number, errorData: number): StunAttribute {
  const value = new Uint8Array(8);
  viewOf(value).setUint16(2, (icmpType << 9) | icmpCode);
  viewOf(value).setUint32(4, errorData);
  return { type: ATTRIBUTE.icmp, value };
}

export function readIcmp(
  value: Uint8Array,
): { readonly icmpType: number; readonly icmpCode: number; readonly errorData: number } | undefined {
  if (value.length !== 8) return undefined;
  const view = viewOf(value);
  const typeAndCode = view.getUint16(2);
  return { icmpType: typeAndCode >>> 9, icmpCode: typeAndCode & 0x1ff, errorData: view.getUint32(4) };
}

/** CHANNEL-NUMBER: 16 bits, the other 16 are reserved (RFC 8656 section 18.1). */
export function readChannelNumber(value: Uint8Array): number | undefined {
  return value.length === 4 ? viewOf(value).getUint16(0) : undefined;
}

export function channelNumberAttribute(channelNumber: number): StunAttribute {
  return uint32Attribute(ATTRIBUTE.channelNumber, channelNumber * 0x10000);
}

/** REQUESTED-TRANSPORT: the IANA protocol number (RFC 8656 section 18.8). */
export function readRequestedTransport(value: Uint8Array): number | undefined {
  return value.length === 4 ? value[0] : undefined;
}

export function requestedTransportAttribute(protocol: number): StunAttribute {
  return uint32Attribute(ATTRIBUTE.requestedTransport, protocol * 0x1000000);
}

/** REQUESTED-ADDRESS-FAMILY, ADDITIONAL-ADDRESS-FAMILY (RFC 8656 section 18.6); "unknown" is a family that is neither. */
export function readAddressFamily(value: Uint8Array): IpFamily | "unknown" | undefined {
  if (value.length !== 4) return undefined;
  if (value[0] === FAMILY_IPV4) return 4;
  return value[0] === FAMILY_IPV6 ? 6 : "unknown";
}

export function addressFamilyAttribute(type: number, family: IpFamily): StunAttribute {
  return uint32Attribute(type, (family === 4 ? FAMILY_IPV4 : FAMILY_IPV6) * 0x1000000);
}

/** EVEN-PORT: whether the R bit asks for the next port too (RFC 8656 section 18.7). */
export function readEvenPort(value: Uint8Array): { reserveNext: boolean } | undefined {
  return value.length === 1 ? { reserveNext: ((value[0] ?? 0) & 0x80) !== 0 } : undefined;
}

export function evenPortAttribute(reserveNext: boolean): StunAttribute {
  return { type: ATTRIBUTE.evenPort, value: Uint8Array.of(reserveNext ? 0x80 : 0) };
}

// ---- text

/** USERNAME, REALM, NONCE, SOFTWARE. Undefined for more than 763 bytes and for what is not UTF-8. */
export function readText(value: Uint8Array): string | undefined {
  if (value.length > 763) return undefined;
  try {
    return utf8.decode(value);
  } catch {
    return undefined;
  }
}

export function textAttribute(type: number, text: string): StunAttribute {
  return { type, value: Buffer.from(text, "utf8") };
}

// ---- errors

export interface ErrorCode {
  readonly code: number;
  readonly reason: string;
}

/** ERROR-CODE (RFC 8489 section 14.8): 300 to 699. */
export function readErrorCode(value: Uint8Array): ErrorCode | undefined {
  if (value.length < 4) return undefined;
  const code = ((value[2] ?? 0) & 7) * 100 + (value[3] ?? 0);
  const reason = readText(value.subarray(4));
  if (code < 300 || code > 699 || (value[3] ?? 0) > 99 || reason === undefined) return undefined;
  return { code, reason };
}

/** `reason` defaults to the RFC's phrase. */
export function errorCodeAttribute(code: StunErrorCode, reason: string = ERROR_REASONS[code]): StunAttribute {
  const text = Buffer.from(reason, "utf8");
  const value = new Uint8Array(4 + text.length);
  value[2] = Math.floor(code / 100);
  value[3] = code % 100;
  value.set(text, 4);
  return { type: ATTRIBUTE.errorCode, value };
}

/** ADDRESS-ERROR-CODE (RFC 8656 section 18.12): why no relayed address of this family was had. */
export function addressErrorCodeAttribute(family: IpFamily, code: StunErrorCode): StunAttribute {
  const { value } = errorCodeAttribute(code);
  value[0] = family === 4 ? FAMILY_IPV4 : FAMILY_IPV6;
  return { type: ATTRIBUTE.addressErrorCode, value };
}

export function readAddressErrorCode(
  value: Uint8Array,
): (ErrorCode & { readonly family: IpFamily }) | undefined {
  const error = readErrorCode(value);
  const family = value[0] === FAMILY_IPV4 ? 4 : value[0] === FAMILY_IPV6 ? 6 : undefined;
  return error === undefined || family === undefined ? undefined : { ...error, family };
}

/** UNKNOWN-ATTRIBUTES: the types, in order. */
export function readUnknownAttributes(value: Uint8Array): number[] | undefined {
  if (value.length % 2 !== 0) return undefined;
  const view = viewOf(value);
  return Array.from({ length: value.length / 2 }, (_, i) => view.getUint16(i * 2));
}

export function unknownAttributesAttribute(types: readonly number[]): StunAttribute {
  const value = new Uint8Array(types.length * 2);
  const view = viewOf(value);
  for (const [i, type] of types.entries()) view.setUint16(i * 2, type);
  return { type: ATTRIBUTE.unknownAttributes, value };
}
