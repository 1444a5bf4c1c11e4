/** MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256, FINGERPRINT and the long-term key (RFC 8489 sections 14.5 to 14.7 and 9.2.2). */

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import type { PasswordAlgorithm } from "./password-algorithm.ts";
import { ATTRIBUTE, HEADER_BYTES } from "./registry.ts";

/** "sha1": MESSAGE-INTEGRITY; "sha256": MESSAGE-INTEGRITY-SHA256. */
export type IntegrityKind = "sha1" | "sha256";

const ATTRIBUTE_HEADER_BYTES = 4;
const HASH_BYTES: Readonly<Record<IntegrityKind, number>> = { sha1: 20, sha256: 32 };
const INTEGRITY_TYPES: Readonly<Record<IntegrityKind, number>> = {
  sha1: ATTRIBUTE.messageIntegrity,
  sha256: ATTRIBUTE.messageIntegritySha256,
};
/** Header and value of FINGERPRINT. */
export const FINGERPRINT_BYTES = 8;
export const FINGERPRINT_XOR = 0x5354554e;

/** Header and value, not truncated. */
export function integrityBytes(kind: IntegrityKind): number {
  return ATTRIBUTE_HEADER_BYTES + HASH_BYTES[kind];
}

/**
 * The key of the long-term credential mechanism: the hash of username ":" realm ":" password, 16 bytes with MD5, which every
 * client knows, 32 with SHA-256. The strings are taken as they are, UTF-8: browsers prepare nothing either.
 */
export function longTermKey(
  username: string,
  realm: string,
  password: string,
  algorithm: PasswordAlgorithm = "md5",
): Uint8Array {
  return createHash(algorithm).update(`${username}:${realm}:${password}`).digest();
}

/** HMAC over the message up to the attribute at `offset`, with the header's length as if that attribute were the last. */
function integrityOf(
  kind: IntegrityKind,
  bytes: Uint8Array,
  offset: number,
  valueBytes: number,
  key: Uint8Array,
): Buffer {
  const head = Buffer.from(bytes.subarray(0, 4));
  head.writeUInt16BE(offset + ATTRIBUTE_HEADER_BYTES + valueBytes - HEADER_BYTES, 2);
  return createHmac(kind, key).update(head).update(bytes.subarray(4, offset)).digest();
}

/**
 * Whether the MESSAGE-INTEGRITY whose header starts at `offset` verifies under the key, in constant time. A value that is
 * not 20 bytes long is false.
 */
export function verifyIntegrity(bytes: Uint8Array, offset: number, key: Uint8Array): boolean {
  return verifies("sha1", bytes, offset, key, HASH_BYTES.sha1);
}

/**
 * The same for MESSAGE-INTEGRITY-SHA256. Section 14.6: "The value must be the full 32 bytes unless the STUN Usage explicitly
 * specifies that truncation is allowed"; a usage that does (TURN does not) gives its shortest, 16 or more.
 */
export function verifyIntegritySha256(
  bytes: Uint8Array,
  offset: number,
  key: Uint8Array,
  shortest: number = HASH_BYTES.sha256,
): boolean {
  return verifies("sha256", bytes, offset, key, shortest);
}

function verifies(
  kind: IntegrityKind,
  bytes: Uint8Array,
  offset: number,
  key: Uint8Array,
  shortest: number,
): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = offset + ATTRIBUTE_HEADER_BYTES;
  if (start + shortest > bytes.length) return false;
  const length = view.getUint16(offset + 2);
  if (length < shortest || length > HASH_BYTES[kind] || length % 4 !== 0 || start + length > bytes.length)
    return false;
  const hmac = integrityOf(kind, bytes, offset, length, key);
  return timingSafeEqual(hmac.subarray(0, length), bytes.subarray(start, start + length));
}

/** Writes MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256 at `offset`; the bytes must have room for it. */
export function appendIntegrity(
  kind: IntegrityKind,
  bytes: Uint8Array,
  offset: number,
  key: Uint8Array,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint16(offset, INTEGRITY_TYPES[kind]);
  view.setUint16(offset + 2, HASH_BYTES[kind]);
  bytes.set(integrityOf(kind, bytes, offset, HASH_BYTES[kind], key), offset + ATTRIBUTE_HEADER_BYTES);
}

/** Whether the FINGERPRINT whose header starts at `offset` is right. */
export function verifyFingerprint(bytes: Uint8Array, offset: number): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (offset + FINGERPRINT_BYTES !== bytes.length || view.getUint16(offset + 2) !== 4) return false;
  return view.getUint32(offset + 4) === fingerprintOf(bytes, offset);
}

/** Writes FINGERPRINT at `offset`; the header's length must already count it. */
export function appendFingerprint(bytes: Uint8Array, offset: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint16(offset, ATTRIBUTE.fingerprint);
  view.setUint16(offset + 2, 4);
  view.setUint32(offset + 4, fingerprintOf(bytes, offset));
}

function fingerprintOf(bytes: Uint8Array, offset: number): number {
  return (crc32(bytes.subarray(0, offset)) ^ FINGERPRINT_XOR) >>> 0;
}
