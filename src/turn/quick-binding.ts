/**
 * Plain Binding requests, answered without making an object: what a worker does itself. The rules are `handlers/binding.ts`'s and
 * `turn-server.ts`'s, and so is every byte of an answer; what is anything but plain is theirs to judge. Limits per source are the
 * caller's.
 */

import type { IpFamily } from "../stun/address.ts";
import { crc32Of } from "../stun/crc32.ts";
import { FINGERPRINT_BYTES, FINGERPRINT_XOR } from "../stun/integrity.ts";
import { ATTRIBUTE, HEADER_BYTES, MAGIC_COOKIE } from "../stun/registry.ts";
import { isWithinAmplification } from "./amplification.ts";
import { isUnknownAttribute } from "./unknown-attributes.ts";

/** No answer is longer: XOR-MAPPED-ADDRESS of IPv6, and FINGERPRINT. */
export const MAX_QUICK_BINDING_BYTES = HEADER_BYTES + 24 + FINGERPRINT_BYTES;

/**
 * A longer request is not plain. So none has more attributes than `decodeMessage` takes, and what a FINGERPRINT costs has a bound.
 */
const MAX_REQUEST_BYTES = 256;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
/** Where the header has the magic cookie, and behind it the transaction id. */
const COOKIE_OFFSET = 4;
const FAMILY_NUMBERS: Readonly<Record<IpFamily, number>> = { 4: 1, 6: 2 };
const ADDRESS_BYTES: Readonly<Record<IpFamily, number>> = { 4: 4, 6: 16 };

/**
 * Writes the answer to the request bytes[start, end) to out[at, …) and returns its length; 0: nothing was written, the request goes to
 * `TurnServer.receive`. The source is what `ClientLink.remote` would be: its 4 or 16 address bytes, in network order, begin at
 * address[addressAt]. `out` may be `bytes`, with `at` the same as `start`, if there is room behind the request; else they must not
 * overlap. Not for links with NAT behaviour discovery, whose answers have more in them.
 */
export function quickBinding(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
  family: IpFamily,
  port: number,
  address: Uint8Array,
  addressAt: number,
): number {
  const kind = judge(bytes, start, end);
  if (kind === "not-plain") return 0;
  const attributeBytes = 8 + ADDRESS_BYTES[family];
  const answerBytes = HEADER_BYTES + attributeBytes + (kind === "with-fingerprint" ? FINGERPRINT_BYTES : 0);
  if (at + answerBytes > out.length) return 0;
  if (!isWithinAmplification(end - start, answerBytes, family)) return 0;

  write16(out, at, BINDING_SUCCESS);
  write16(out, at + 2, answerBytes - HEADER_BYTES);
  for (let i = COOKIE_OFFSET; i < HEADER_BYTES; i++) out[at + i] = bytes[start + i] as number;
  const attributeAt = at + HEADER_BYTES;
  write16(out, attributeAt, ATTRIBUTE.xorMappedAddress);
  write16(out, attributeAt + 2, attributeBytes - 4);
  write16(out, attributeAt + 4, FAMILY_NUMBERS[family]);
  write16(out, attributeAt + 6, port ^ (MAGIC_COOKIE >>> 16));
  // RFC 8489 section 14.2: the address is XORed with the cookie and, where it is longer, with the transaction id.
  const maskAt = at + COOKIE_OFFSET;
  for (let i = 0; i < ADDRESS_BYTES[family]; i++)
    out[attributeAt + 8 + i] = (address[addressAt + i] as number) ^ (out[maskAt + i] as number);
  if (kind === "with-fingerprint") writeFingerprint(out, at, attributeAt + attributeBytes);
  return answerBytes;
}

/** Whether it is a request that gets a success response and nothing else. */
function judge(bytes: Uint8Array, start: number, end: number): "not-plain" | "plain" | "with-fingerprint" {
  const size = end - start;
  if (size < HEADER_BYTES || size > MAX_REQUEST_BYTES || end > bytes.length) return "not-plain";
  if (read16(bytes, start) !== BINDING_REQUEST || read32(bytes, start + COOKIE_OFFSET) !== MAGIC_COOKIE)
    return "not-plain";
  if (read16(bytes, start + 2) !== size - HEADER_BYTES) return "not-plain";
  // Attributes are padded: a length that is no multiple of four is no sum of theirs.
  for (let offset = start + HEADER_BYTES; offset < end; ) {
    const type = read16(bytes, offset);
    if (type === ATTRIBUTE.fingerprint)
      return hasFingerprint(bytes, start, end, offset) ? "with-fingerprint" : "not-plain";
    if (isUnknownAttribute(type)) return "not-plain";
    offset += 4 + ((read16(bytes, offset + 2) + 3) & ~3);
    if (offset > end) return "not-plain";
  }
  return "plain";
}

/** Whether the FINGERPRINT at `offset` is the last attribute, and right. */
function hasFingerprint(bytes: Uint8Array, start: number, end: number, offset: number): boolean {
  if (offset + FINGERPRINT_BYTES !== end || read16(bytes, offset + 2) !== 4) return false;
  return read32(bytes, offset + 4) === (crc32Of(bytes, start, offset) ^ FINGERPRINT_XOR);
}

function writeFingerprint(out: Uint8Array, at: number, offset: number): void {
  const value = crc32Of(out, at, offset) ^ FINGERPRINT_XOR;
  write16(out, offset, ATTRIBUTE.fingerprint);
  write16(out, offset + 2, 4);
  write16(out, offset + 4, value >>> 16);
  write16(out, offset + 6, value & 0xffff);
}

function read16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number);
}

/** Signed. */
function read32(bytes: Uint8Array, offset: number): number {
  return (read16(bytes, offset) << 16) | read16(bytes, offset + 2);
}

function write16(out: Uint8Array, offset: number, value: number): void {
  out[offset] = value >>> 8;
  out[offset + 1] = value;
}
